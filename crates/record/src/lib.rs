//! The Kafka record batch v2: view without copying, iterate, build, compress, CRC, control records.
//!
//! Never: does I/O; allocates from a declared length.
