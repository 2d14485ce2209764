//! What generated modules stand on; they import all of it.

pub(crate) use std::ops::RangeInclusive;

pub(crate) use bytes::Bytes;

pub(crate) use crate::coordinator::{CoordinatorKey, CoordinatorValue};
pub(crate) use crate::message::{Element, Message, Request};
pub(crate) use crate::{ApiKey, DecodeError, EncodeError, Reader, Records, Str, Uuid, Writer};
