//! What the suites share: starting the program, real Kafka tools and browsers.
