//! Hostile and broken clients: the corpora of the fuzz targets, and the running program under attack (`docs/hostile.md`).

mod attack;
mod corpora;
mod lies;
mod packed;
mod pair;
mod phases;
mod raw;
mod samples;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;
mod web;
