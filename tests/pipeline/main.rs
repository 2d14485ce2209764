//! The main job, end to end, on the built program: what the exercise does, counted again by us; and what the machine under it
//! may do: a full disk, a failed sync, a flipped bit, few file descriptors.

mod bad_input;
mod disk_full;
mod durability;
mod exercise;
mod failed_sync;
mod few_files;
mod flipped_bit;
mod recount;
mod small_segments;
mod tampering;
