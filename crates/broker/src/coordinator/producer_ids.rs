//! Producer ids that are never given twice, not even after power loss.
//!
//! Ids are taken from blocks; a block is reserved durably (a ProducerIds record of the cluster metadata) before its first
//! id is given. What a crash leaves of a block is lost: there are 2⁶³ ids.

use std::ops::Range;

use parking_lot::Mutex;
use record::ProducerId;

/// Reserves a block of ids, durably; or says why not. May block for a sync.
pub type ReserveProducerIds = Box<dyn Fn() -> Result<Range<i64>, String> + Send + Sync>;

/// The next block is reserved when fewer ids than this are left.
const LOW: i64 = 500;

/// The present block and the one after it.
pub(super) struct ProducerIds {
    reserve: ReserveProducerIds,
    left: Mutex<Vec<Range<i64>>>,
}

impl ProducerIds {
    /// With a first block.
    pub fn open(reserve: ReserveProducerIds) -> Result<Self, String> {
        let ids = Self { reserve, left: Mutex::new(Vec::new()) };
        ids.refill()?;
        Ok(ids)
    }

    /// An id that was never given, or `None` until the next block is there.
    pub fn next(&self) -> Option<ProducerId> {
        let mut left = self.left.lock();
        loop {
            match left.first_mut()?.next() {
                Some(id) => return Some(ProducerId(id)),
                None => {
                    left.remove(0);
                }
            }
        }
    }

    /// Whether [`refill`](Self::refill) has something to do.
    pub fn is_low(&self) -> bool {
        self.left.lock().iter().map(|block| block.end - block.start).sum::<i64>() < LOW
    }

    /// Reserves another block when few ids are left. May block for a sync.
    pub fn refill(&self) -> Result<(), String> {
        if self.is_low() {
            let block = (self.reserve)()?;
            self.left.lock().push(block);
        }
        Ok(())
    }
}
