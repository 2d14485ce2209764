//! Tests of the room, as data.
