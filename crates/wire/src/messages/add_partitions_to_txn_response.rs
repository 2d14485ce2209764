//! AddPartitionsToTxnResponse, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
}

impl Element for AddPartitionsToTxnResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        if v >= 4 {
            s.error_code = r.get(v)?;
        }
        if v >= 4 {
            s.results_by_transaction = r.get(v)?;
        }
        if v <= 3 {
            s.results_by_topic_v3_and_below = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        if v >= 4 {
            w.put(&self.error_code, v)?;
        }
        if v >= 4 {
            w.put(&self.results_by_transaction, v)?;
        } else {
            w.absent(self.results_by_transaction.is_empty(), "results_by_transaction")?;
        }
        if v <= 3 {
            w.put(&self.results_by_topic_v3_and_below, v)?;
        } else {
            w.absent(self.results_by_topic_v3_and_below.is_empty(), "results_by_topic_v3_and_below")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnResult {
    pub transactional_id: Str,
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
}

impl Element for AddPartitionsToTxnResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.topic_results = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.topic_results, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AddPartitionsToTxnResponse {
    const NAME: &'static str = "AddPartitionsToTxnResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopicResult {
    pub name: Str,
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
}

impl Element for AddPartitionsToTxnTopicResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.results_by_partition = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.results_by_partition, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnPartitionResult {
    pub partition_index: i32,
    pub partition_error_code: i16,
}

impl Element for AddPartitionsToTxnPartitionResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.partition_error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.partition_error_code, v)?;
        w.no_tags();
        Ok(())
    }
}
