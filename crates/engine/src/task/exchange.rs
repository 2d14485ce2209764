//! Rows go to their key partitions.

use arrow_array::{Array, BinaryArray, BooleanArray, UInt32Array};
use arrow_buffer::ScalarBuffer;

use crate::batch::Batch;
use crate::data_type::Type;
use crate::seam::{KeyBytes, Partitioner};

/// Rows on their way to an aggregate.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// The rows.
    pub(super) batch: Batch,
    /// The partition they are in.
    pub(super) partition: i32,
    /// The place of each row in the order of all rows of the superstep; `None` where no order among partitions is
    /// needed.
    pub(super) ranks: Option<ScalarBuffer<u32>>,
    /// The key partition of each row, behind an exchange.
    pub(super) targets: Option<ScalarBuffer<i32>>,
}

impl Flow {
    pub(super) fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// The rows at `indices`.
    pub(super) fn take(&self, indices: &UInt32Array) -> Flow {
        let batch = self.batch.take(indices).expect("indices are within the rows");
        let rows = indices.values().iter().map(|row| *row as usize);
        Flow {
            batch,
            partition: self.partition,
            ranks: self.ranks.as_ref().map(|ranks| rows.clone().map(|row| ranks[row]).collect()),
            targets: self.targets.as_ref().map(|targets| rows.clone().map(|row| targets[row]).collect()),
        }
    }

    /// The rows where `keep` is true.
    pub(super) fn filter(&self, keep: &BooleanArray) -> Flow {
        let batch = self.batch.filter(keep).expect("the mask has one entry per row");
        let rows = || (0..keep.len()).filter(|row| keep.is_valid(*row) && keep.value(*row));
        Flow {
            batch,
            partition: self.partition,
            ranks: self.ranks.as_ref().map(|ranks| rows().map(|row| ranks[row]).collect()),
            targets: self.targets.as_ref().map(|targets| rows().map(|row| targets[row]).collect()),
        }
    }

    /// All rows of flows, in order.
    pub(super) fn concat(mut flows: Vec<Flow>) -> Flow {
        if flows.len() == 1 {
            return flows.remove(0);
        }
        let partition = flows[0].partition;
        let ranks = flows.iter().map(|flow| flow.ranks.as_ref()).collect::<Option<Vec<_>>>();
        let ranks = ranks.map(|ranks| ranks.iter().flat_map(|ranks| ranks.to_vec()).collect());
        let targets = flows.iter().map(|flow| flow.targets.as_ref()).collect::<Option<Vec<_>>>();
        let targets = targets.map(|targets| targets.iter().flat_map(|targets| targets.to_vec()).collect());
        let batch = Batch::concat(flows.into_iter().map(|flow| flow.batch).collect());
        Flow { batch, partition, ranks, targets }
    }
}

/// The key partition of each row.
pub(super) fn targets(
    keys: &dyn KeyBytes,
    partitioner: &dyn Partitioner,
    types: &[Type],
    columns: &[arrow_array::ArrayRef],
    rows: usize,
    partitions: i32,
) -> ScalarBuffer<i32> {
    if columns.is_empty() {
        // One group of all rows: its key is empty.
        return std::iter::repeat_n(partitioner.partition(&[], partitions), rows).collect();
    }
    let bytes: BinaryArray = keys.encode(types, columns);
    (0..bytes.len()).map(|row| partitioner.partition(bytes.value(row), partitions)).collect()
}

/// Sorts the rows of all source partitions into key partitions; in each, the rows are in the merge's order.
pub(super) fn by_partition(flows: Vec<Flow>, partitions: i32) -> Vec<Option<Flow>> {
    let mut out: Vec<Option<Flow>> = (0..partitions).map(|_| None).collect();
    if flows.iter().any(|flow| flow.targets.is_none()) {
        // No exchange: the key partition is the source partition.
        for flow in flows {
            let slot = &mut out[flow.partition as usize];
            *slot = Some(match slot.take() {
                None => flow,
                Some(before) => Flow::concat(vec![before, flow]),
            });
        }
        return out;
    }
    if flows.is_empty() {
        return out;
    }
    let whole = Flow::concat(flows);
    let Some(targets) = &whole.targets else { return out };
    let mut rows: Vec<Vec<u32>> = (0..partitions).map(|_| Vec::new()).collect();
    for row in in_rank_order(&whole) {
        rows[targets[row as usize] as usize].push(row);
    }
    for (partition, rows) in rows.into_iter().enumerate() {
        if !rows.is_empty() {
            let mut flow = whole.take(&UInt32Array::from(rows));
            flow.partition = partition as i32;
            flow.targets = None;
            out[partition] = Some(flow);
        }
    }
    out
}

/// The rows in the order of their ranks. Ranks are places in a superstep, each taken by at most one of the rows here.
fn in_rank_order(flow: &Flow) -> Vec<u32> {
    const EMPTY: u32 = u32::MAX;
    let Some(ranks) = &flow.ranks else { return (0..flow.rows() as u32).collect() };
    let places = ranks.iter().max().map_or(0, |last| *last as usize + 1);
    let mut row_at = vec![EMPTY; places];
    for (row, rank) in ranks.iter().enumerate() {
        row_at[*rank as usize] = row as u32;
    }
    row_at.retain(|row| *row != EMPTY);
    row_at
}
