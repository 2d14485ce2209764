//! OffsetFetchResponse, versions 1 to 10. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetFetchResponseTopic>,
    pub error_code: i16,
    pub groups: Vec<OffsetFetchResponseGroup>,
}

impl Element for OffsetFetchResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 3 {
            s.throttle_time_ms = r.get(v)?;
        }
        if v <= 7 {
            s.topics = r.get(v)?;
        }
        if (2..=7).contains(&v) {
            s.error_code = r.get(v)?;
        }
        if v >= 8 {
            s.groups = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 3 {
            w.put(&self.throttle_time_ms, v)?;
        }
        if v <= 7 {
            w.put(&self.topics, v)?;
        } else {
            w.absent(self.topics.is_empty(), "topics")?;
        }
        if (2..=7).contains(&v) {
            w.put(&self.error_code, v)?;
        }
        if v >= 8 {
            w.put(&self.groups, v)?;
        } else {
            w.absent(self.groups.is_empty(), "groups")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

impl Element for OffsetFetchResponseTopic {
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
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::EMPTY),
            error_code: 0,
        }
    }
}

impl Element for OffsetFetchResponsePartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.committed_offset = r.get(v)?;
        if v >= 5 {
            s.committed_leader_epoch = r.get(v)?;
        }
        s.metadata = r.get(v)?;
        s.error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.committed_offset, v)?;
        if v >= 5 {
            w.put(&self.committed_leader_epoch, v)?;
        }
        w.put(&self.metadata, v)?;
        w.put(&self.error_code, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseGroup {
    pub group_id: Str,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: i16,
}

impl Element for OffsetFetchResponseGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.topics = r.get(v)?;
        s.error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.topics, v)?;
        w.put(&self.error_code, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopics {
    pub name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

impl Element for OffsetFetchResponseTopics {
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
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartitions {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::EMPTY),
            error_code: 0,
        }
    }
}

impl Element for OffsetFetchResponsePartitions {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.committed_offset = r.get(v)?;
        s.committed_leader_epoch = r.get(v)?;
        s.metadata = r.get(v)?;
        s.error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.committed_offset, v)?;
        w.put(&self.committed_leader_epoch, v)?;
        w.put(&self.metadata, v)?;
        w.put(&self.error_code, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for OffsetFetchResponse {
    const NAME: &'static str = "OffsetFetchResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    const FLEXIBLE_FROM: i16 = 6;
}
