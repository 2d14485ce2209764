//! OffsetCommitResponse, versions 2 to 10. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
}

impl Element for OffsetCommitResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 3 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 3 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponseTopic {
    pub name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

impl Element for OffsetCommitResponseTopic {
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
}

impl Element for OffsetCommitResponsePartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.error_code = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.error_code, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for OffsetCommitResponse {
    const NAME: &'static str = "OffsetCommitResponse";
    const VERSIONS: RangeInclusive<i16> = 2..=10;
    const FLEXIBLE_FROM: i16 = 8;
}
