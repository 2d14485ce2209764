//! A small Kafka client over `wire` for the console tools, tests and benches.
//!
//! Never: does transactions; knows queries.
