//! AlterShareGroupOffsetsRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsRequest {
    pub group_id: Str,
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
}

impl Element for AlterShareGroupOffsetsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
}

impl Element for AlterShareGroupOffsetsRequestTopic {
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
pub struct AlterShareGroupOffsetsRequestPartition {
    pub partition_index: i32,
    pub start_offset: i64,
}

impl Element for AlterShareGroupOffsetsRequestPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.start_offset = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.start_offset, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AlterShareGroupOffsetsRequest {
    const NAME: &'static str = "AlterShareGroupOffsetsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for AlterShareGroupOffsetsRequest {
    const KEY: ApiKey = ApiKey::AlterShareGroupOffsets;
    type Response = crate::messages::alter_share_group_offsets_response::AlterShareGroupOffsetsResponse;
}
