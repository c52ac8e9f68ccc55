//! Behaviour, told as stories against the real server: real TCP, a real `SQLite` file, real
//! sockets; only the clock is turned by hand.
mod api;
mod harness;
mod house;
mod intake;
mod lifecycle;
mod sockets;
