//! OffsetCommitRequest, versions 2 to 10. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequest {
    pub group_id: Str,
    pub generation_id_or_member_epoch: i32,
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        Self {
            group_id: Str::EMPTY,
            generation_id_or_member_epoch: -1,
            member_id: Str::EMPTY,
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
        }
    }
}

impl Element for OffsetCommitRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.generation_id_or_member_epoch = r.get(v)?;
        s.member_id = r.get(v)?;
        if v >= 7 {
            s.group_instance_id = r.get(v)?;
        }
        if v <= 4 {
            s.retention_time_ms = r.get(v)?;
        }
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.generation_id_or_member_epoch, v)?;
        w.put(&self.member_id, v)?;
        if v >= 7 {
            w.put(&self.group_instance_id, v)?;
        } else {
            w.absent(self.group_instance_id.is_none(), "group_instance_id")?;
        }
        if v <= 4 {
            w.put(&self.retention_time_ms, v)?;
        }
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitRequestTopic {
    pub name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

impl Element for OffsetCommitRequestTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 9 {
            s.name = r.get(v)?;
        }
        if v >= 10 {
            s.topic_id = r.get(v)?;
        }
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 9 {
            w.put(&self.name, v)?;
        }
        if v >= 10 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Str>,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::EMPTY),
        }
    }
}

impl Element for OffsetCommitRequestPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.committed_offset = r.get(v)?;
        if v >= 6 {
            s.committed_leader_epoch = r.get(v)?;
        }
        s.committed_metadata = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.committed_offset, v)?;
        if v >= 6 {
            w.put(&self.committed_leader_epoch, v)?;
        }
        w.put(&self.committed_metadata, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommitRequest";
    const VERSIONS: RangeInclusive<i16> = 2..=10;
    const FLEXIBLE_FROM: i16 = 8;
}

impl Request for OffsetCommitRequest {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    type Response = crate::messages::offset_commit_response::OffsetCommitResponse;
}
