//! What happens unasked: loops that are watched, restarted and counted.
pub mod alive;
pub mod deliver;
pub mod retention;
pub mod supervise;
pub mod timers;
pub mod watchdog;
pub mod webhooks;
