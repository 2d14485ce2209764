//! AlterPartitionResponse, versions 2 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterPartitionResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<TopicData>,
}

impl Element for AlterPartitionResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Element for TopicData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic_id = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic_id, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.error_code = r.get(v)?;
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        s.isr = r.get(v)?;
        s.leader_recovery_state = r.get(v)?;
        s.partition_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        w.put(&self.isr, v)?;
        w.put(&self.leader_recovery_state, v)?;
        w.put(&self.partition_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AlterPartitionResponse {
    const NAME: &'static str = "AlterPartitionResponse";
    const VERSIONS: RangeInclusive<i16> = 2..=3;
    const FLEXIBLE_FROM: i16 = 0;
}
