//! TxnOffsetCommitRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: Str,
    pub group_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub generation_id: i32,
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
}

impl Default for TxnOffsetCommitRequest {
    fn default() -> Self {
        Self {
            transactional_id: Str::EMPTY,
            group_id: Str::EMPTY,
            producer_id: 0,
            producer_epoch: 0,
            generation_id: -1,
            member_id: Str::EMPTY,
            group_instance_id: None,
            topics: Vec::new(),
        }
    }
}

impl Element for TxnOffsetCommitRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.group_id = r.get(v)?;
        s.producer_id = r.get(v)?;
        s.producer_epoch = r.get(v)?;
        if v >= 3 {
            s.generation_id = r.get(v)?;
        }
        if v >= 3 {
            s.member_id = r.get(v)?;
        }
        if v >= 3 {
            s.group_instance_id = r.get(v)?;
        }
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.group_id, v)?;
        w.put(&self.producer_id, v)?;
        w.put(&self.producer_epoch, v)?;
        if v >= 3 {
            w.put(&self.generation_id, v)?;
        } else {
            w.absent(self.generation_id == -1, "generation_id")?;
        }
        if v >= 3 {
            w.put(&self.member_id, v)?;
        } else {
            w.absent(self.member_id.is_empty(), "member_id")?;
        }
        if v >= 3 {
            w.put(&self.group_instance_id, v)?;
        } else {
            w.absent(self.group_instance_id.is_none(), "group_instance_id")?;
        }
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TxnOffsetCommitRequestTopic {
    pub name: Str,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
}

impl Element for TxnOffsetCommitRequestTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Str>,
}

impl Default for TxnOffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::EMPTY),
        }
    }
}

impl Element for TxnOffsetCommitRequestPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.committed_offset = r.get(v)?;
        if v >= 2 {
            s.committed_leader_epoch = r.get(v)?;
        }
        s.committed_metadata = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.committed_offset, v)?;
        if v >= 2 {
            w.put(&self.committed_leader_epoch, v)?;
        }
        w.put(&self.committed_metadata, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for TxnOffsetCommitRequest {
    const NAME: &'static str = "TxnOffsetCommitRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for TxnOffsetCommitRequest {
    const KEY: ApiKey = ApiKey::TxnOffsetCommit;
    type Response = crate::messages::txn_offset_commit_response::TxnOffsetCommitResponse;
}
