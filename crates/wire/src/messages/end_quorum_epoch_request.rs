//! EndQuorumEpochRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub topics: Vec<TopicData>,
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

impl Element for EndQuorumEpochRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        s.topics = r.get(v)?;
        if v >= 1 {
            s.leader_endpoints = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
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
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub preferred_successors: Vec<i32>,
    pub preferred_candidates: Vec<ReplicaInfo>,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        if v <= 0 {
            s.preferred_successors = r.get(v)?;
        }
        if v >= 1 {
            s.preferred_candidates = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        if v <= 0 {
            w.put(&self.preferred_successors, v)?;
        }
        if v >= 1 {
            w.put(&self.preferred_candidates, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
}

impl Element for ReplicaInfo {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.candidate_id = r.get(v)?;
        s.candidate_directory_id = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.candidate_id, v)?;
        w.put(&self.candidate_directory_id, v)?;
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

impl Message for EndQuorumEpochRequest {
    const NAME: &'static str = "EndQuorumEpochRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 1;
}

impl Request for EndQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::EndQuorumEpoch;
    type Response = crate::messages::end_quorum_epoch_response::EndQuorumEpochResponse;
}
