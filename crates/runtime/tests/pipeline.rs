//! The page-event pipeline in one process: broker on a directory of its own, instance, queries.

#[path = "pipeline/bench.rs"]
mod bench;
#[path = "pipeline/counts.rs"]
mod counts;
#[path = "pipeline/pages.rs"]
mod pages;
#[path = "pipeline/space.rs"]
mod space;
#[path = "pipeline/statements.rs"]
mod statements;
