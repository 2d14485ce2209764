//! What the records of one producer have in common: everything but their values.
//!
//! ```text
//! {"name":"P1","user":"U2","duration":764}     a record that the scanner has read
//! ─────────    ────────    ────────────   ─    its shape: what stands before each value, and behind the last
//! ```
//! A record with the same bytes there has the same fields in the same order: its values are where the last record's
//! were, and nothing else needs to be looked at. A value cannot hide in it, as each ends at its own first delimiter,
//! which is the first byte of what follows. Never: sees a record first; what differs goes back to the scanner.

use super::scanner::{SPANS_MAX, Span, skip, value};
use super::words::after;
use crate::columns::Builder;

/// Larger records, and those of more than [`SPANS_MAX`] fields, are left to the scanner: a shape must not become a store of
/// what a stranger wrote.
const SHAPE_BYTES_MAX: usize = 4096;

/// The shape of a record; empty until one was learned.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// What stands before the values, one behind the other, and behind the last value.
    text: Vec<u8>,
    steps: Vec<Step>,
    /// Columns whose field does not occur.
    missing: Vec<usize>,
    /// Records that were of another shape.
    misses: u32,
}

/// A value, and what stands before it.
#[derive(Debug)]
struct Step {
    /// Where in `text` it ends.
    end: usize,
    column: Option<usize>,
}

impl Shape {
    /// Learns from a record and where its values stand, if it is time to: where records of two shapes come in turns, it
    /// does not help to learn each time.
    pub(super) fn learn(&mut self, bytes: &[u8], spans: &[Span], columns: usize) {
        self.misses += 1;
        if !self.misses.is_power_of_two() {
            return;
        }
        self.text.clear();
        self.steps.clear();
        self.missing.clear();
        if spans.is_empty() || spans.len() > SPANS_MAX {
            return;
        }
        let values: usize = spans.iter().map(|span| span.end - span.start).sum();
        if bytes.len() - values > SHAPE_BYTES_MAX {
            return;
        }
        let mut at = 0;
        for span in spans {
            self.text.extend_from_slice(&bytes[at..span.start]);
            self.steps.push(Step { end: self.text.len(), column: span.column });
            at = span.end;
        }
        self.text.extend_from_slice(&bytes[at..]);
        self.missing.extend((0..columns).filter(|column| spans.iter().all(|span| span.column != Some(*column))));
    }

    /// Appends a cell to each column, if the record is of this shape and its values are plain; with `ASCII`, nothing but
    /// ASCII. `None`: it is not, and what was appended must be taken back.
    #[inline]
    pub(super) fn read<const ASCII: bool>(&self, bytes: &[u8], builders: &mut [Builder]) -> Option<()> {
        if self.steps.is_empty() {
            return None;
        }
        let (mut at, mut text) = (0, 0);
        for step in &self.steps {
            at = after(bytes, at, &self.text[text..step.end])?;
            text = step.end;
            at = match step.column {
                None => skip::<ASCII>(bytes, at)?,
                Some(column) => value::<ASCII>(bytes, at, builders.get_mut(column)?)?,
            };
        }
        if bytes.get(at..)? != &self.text[text..] {
            return None;
        }
        for column in &self.missing {
            builders.get_mut(*column)?.push_default();
        }
        Some(())
    }
}
