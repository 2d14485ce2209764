//! Unmodified Kafka clients and tools against the program: what they print is what Apache Kafka makes them print.

mod clients;
mod spring;
mod streams;
mod tools;
