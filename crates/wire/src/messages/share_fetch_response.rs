//! ShareFetchResponse, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareFetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareFetchableTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Element for ShareFetchResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.acquisition_lock_timeout_ms = r.get(v)?;
        s.responses = r.get(v)?;
        s.node_endpoints = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.acquisition_lock_timeout_ms, v)?;
        w.put(&self.responses, v)?;
        w.put(&self.node_endpoints, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareFetchableTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Element for ShareFetchableTopicResponse {
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
    pub error_message: Option<Str>,
    pub acknowledge_error_code: i16,
    pub acknowledge_error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
    pub records: Records,
    pub acquired_records: Vec<AcquiredRecords>,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.acknowledge_error_code = r.get(v)?;
        s.acknowledge_error_message = r.get(v)?;
        s.current_leader = r.get(v)?;
        s.records = r.get_records(false)?;
        s.acquired_records = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.acknowledge_error_code, v)?;
        w.put(&self.acknowledge_error_message, v)?;
        w.put(&self.current_leader, v)?;
        w.put_records(&self.records, false, "records")?;
        w.put(&self.acquired_records, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Element for LeaderIdAndEpoch {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcquiredRecords {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_count: i16,
}

impl Element for AcquiredRecords {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.first_offset = r.get(v)?;
        s.last_offset = r.get(v)?;
        s.delivery_count = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.first_offset, v)?;
        w.put(&self.last_offset, v)?;
        w.put(&self.delivery_count, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

impl Element for NodeEndpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.node_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        s.rack = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.node_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.put(&self.rack, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ShareFetchResponse {
    const NAME: &'static str = "ShareFetchResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 0;
}
