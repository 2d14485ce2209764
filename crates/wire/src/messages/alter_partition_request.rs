//! AlterPartitionRequest, versions 2 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub topics: Vec<TopicData>,
}

impl Default for AlterPartitionRequest {
    fn default() -> Self {
        Self { broker_id: 0, broker_epoch: -1, topics: Vec::new() }
    }
}

impl Element for AlterPartitionRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
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
    pub leader_epoch: i32,
    pub new_isr: Vec<i32>,
    pub new_isr_with_epochs: Vec<BrokerState>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        if v <= 2 {
            s.new_isr = r.get(v)?;
        }
        if v >= 3 {
            s.new_isr_with_epochs = r.get(v)?;
        }
        s.leader_recovery_state = r.get(v)?;
        s.partition_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.leader_epoch, v)?;
        if v <= 2 {
            w.put(&self.new_isr, v)?;
        } else {
            w.absent(self.new_isr.is_empty(), "new_isr")?;
        }
        if v >= 3 {
            w.put(&self.new_isr_with_epochs, v)?;
        } else {
            w.absent(self.new_isr_with_epochs.is_empty(), "new_isr_with_epochs")?;
        }
        w.put(&self.leader_recovery_state, v)?;
        w.put(&self.partition_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerState {
    pub broker_id: i32,
    pub broker_epoch: i64,
}

impl Default for BrokerState {
    fn default() -> Self {
        Self { broker_id: 0, broker_epoch: -1 }
    }
}

impl Element for BrokerState {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AlterPartitionRequest {
    const NAME: &'static str = "AlterPartitionRequest";
    const VERSIONS: RangeInclusive<i16> = 2..=3;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for AlterPartitionRequest {
    const KEY: ApiKey = ApiKey::AlterPartition;
    type Response = crate::messages::alter_partition_response::AlterPartitionResponse;
}
