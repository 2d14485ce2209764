//! Load generators and peers for the benchmarks.

fn main() {}
