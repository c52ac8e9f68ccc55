//! What happens unasked: loops that are watched, restarted and counted.
pub mod deliver;
pub mod retention;
pub mod supervise;
pub mod timers;
