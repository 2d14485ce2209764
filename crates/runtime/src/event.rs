//! Events made by expressions over no input: what generators and `INTO` endpoints write.

use std::collections::HashMap;
use std::sync::Arc;

use connect::seam::{ConnectError, Connector, Durable, Place, PlainRecord};
use engine::Expr;
use engine::expr::EvalContext;
use format::Encoder;

/// Evaluates, encodes and writes events.
#[derive(Debug)]
pub(crate) struct EventWriter {
    connector: Arc<dyn Connector>,
    topic: String,
    columns: Vec<Expr>,
    encoder: Encoder,
    context: EvalContext,
}

/// Events that were written.
pub(crate) struct WrittenEvents {
    /// The values, in order.
    pub(crate) values: Vec<Vec<u8>>,
    /// Where they lie.
    pub(crate) places: Vec<Place>,
    /// When they are durable.
    pub(crate) durable: Durable,
}
