//! The broker as a client sees it, in this process: requests in, answers out, on a simulated disk; and over TCP.

mod compatibility;
mod configs;
mod connection;
mod fetching;
mod groups;
mod harness;
mod hostile;
mod offsets;
mod producing;
mod restart;
mod topics;
mod transactions;
