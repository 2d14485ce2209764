//! The main job, end to end, on the built program: what the exercise does, counted again by us.

mod bad_input;
mod durability;
mod exercise;
