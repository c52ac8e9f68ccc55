//! Behaviour, told as stories against the real server: real TCP, a real SQLite file, real
//! sockets; only the clock is turned by hand. What other people's programs do with the built
//! binary runs in real time: `scripts/test` installs them.
mod api;
mod backup;
mod bad_input;
mod commands;
mod configuration;
mod door;
mod faults;
mod frames;
mod generated;
mod harness;
mod house;
mod intake;
mod lagging;
mod lifecycle;
mod merging;
mod model;
mod once;
mod openapi;
mod owner;
mod pagerduty_client;
mod parsing;
mod payloads;
mod permissions;
mod process;
mod programs;
mod services;
mod settings;
mod slow;
mod sockets;
mod tls;
mod upkeep;
mod vitals;
mod walkthrough;
mod wire;
mod writer;
