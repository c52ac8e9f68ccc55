//! Behaviour, told as stories against the real server: real TCP, a real `SQLite` file, real
//! sockets; only the clock is turned by hand.
mod bad_input;
mod frames;
mod harness;
mod intake;
mod lagging;
mod lifecycle;
mod permissions;
mod sockets;
mod wire;
