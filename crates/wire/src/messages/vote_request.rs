//! VoteRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct VoteRequest {
    pub cluster_id: Option<Str>,
    pub voter_id: i32,
    pub topics: Vec<TopicData>,
}

impl Default for VoteRequest {
    fn default() -> Self {
        Self { cluster_id: None, voter_id: -1, topics: Vec::new() }
    }
}

impl Element for VoteRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        if v >= 1 {
            s.voter_id = r.get(v)?;
        }
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
        if v >= 1 {
            w.put(&self.voter_id, v)?;
        }
        w.put(&self.topics, v)?;
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
    pub replica_epoch: i32,
    pub replica_id: i32,
    pub replica_directory_id: Uuid,
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    pub pre_vote: bool,
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.replica_epoch = r.get(v)?;
        s.replica_id = r.get(v)?;
        if v >= 1 {
            s.replica_directory_id = r.get(v)?;
        }
        if v >= 1 {
            s.voter_directory_id = r.get(v)?;
        }
        s.last_offset_epoch = r.get(v)?;
        s.last_offset = r.get(v)?;
        if v >= 2 {
            s.pre_vote = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.replica_epoch, v)?;
        w.put(&self.replica_id, v)?;
        if v >= 1 {
            w.put(&self.replica_directory_id, v)?;
        }
        if v >= 1 {
            w.put(&self.voter_directory_id, v)?;
        }
        w.put(&self.last_offset_epoch, v)?;
        w.put(&self.last_offset, v)?;
        if v >= 2 {
            w.put(&self.pre_vote, v)?;
        } else {
            w.absent(!self.pre_vote, "pre_vote")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for VoteRequest {
    const NAME: &'static str = "VoteRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for VoteRequest {
    const KEY: ApiKey = ApiKey::Vote;
    type Response = crate::messages::vote_response::VoteResponse;
}
