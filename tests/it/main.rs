//! Behaviour, told as stories against the real server: real TCP, a real `SQLite` file, real
//! sockets; only the clock is turned by hand.
mod commands;
mod faults;
mod harness;
mod intake;
mod lifecycle;
mod model;
mod process;
mod sockets;
mod writer;
