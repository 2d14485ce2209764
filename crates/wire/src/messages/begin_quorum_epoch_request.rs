//! BeginQuorumEpochRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct BeginQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub voter_id: i32,
    pub topics: Vec<TopicData>,
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

impl Default for BeginQuorumEpochRequest {
    fn default() -> Self {
        Self { cluster_id: None, voter_id: -1, topics: Vec::new(), leader_endpoints: Vec::new() }
    }
}

impl Element for BeginQuorumEpochRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        if v >= 1 {
            s.voter_id = r.get(v)?;
        }
        s.topics = r.get(v)?;
        if v >= 1 {
            s.leader_endpoints = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
        if v >= 1 {
            w.put(&self.voter_id, v)?;
        }
        w.put(&self.topics, v)?;
        if v >= 1 {
            w.put(&self.leader_endpoints, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic_name: Str,
    pub partitions: Vec<PartitionData>,
}

impl Element for TopicData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic_name = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic_name, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionData {
    pub partition_index: i32,
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        if v >= 1 {
            s.voter_directory_id = r.get(v)?;
        }
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        if v >= 1 {
            w.put(&self.voter_directory_id, v)?;
        }
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Element for LeaderEndpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for BeginQuorumEpochRequest {
    const NAME: &'static str = "BeginQuorumEpochRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 1;
}

impl Request for BeginQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::BeginQuorumEpoch;
    type Response = crate::messages::begin_quorum_epoch_response::BeginQuorumEpochResponse;
}
