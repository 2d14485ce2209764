//! Topologies run on small inputs, against a record-at-a-time oracle, in every cut, with several workers, across
//! restarts.

mod fixture;
mod goldens;
mod oracle;
mod reading;
mod restart;
mod rules;
mod traces;

use crate::batch::Keys;
use crate::data_type::Value;
use fixture::*;
