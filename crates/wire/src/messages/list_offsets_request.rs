//! ListOffsetsRequest, versions 1 to 11. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    pub timeout_ms: i32,
}

impl Element for ListOffsetsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.replica_id = r.get(v)?;
        if v >= 2 {
            s.isolation_level = r.get(v)?;
        }
        s.topics = r.get(v)?;
        if v >= 10 {
            s.timeout_ms = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.replica_id, v)?;
        if v >= 2 {
            w.put(&self.isolation_level, v)?;
        } else {
            w.absent(self.isolation_level == 0, "isolation_level")?;
        }
        w.put(&self.topics, v)?;
        if v >= 10 {
            w.put(&self.timeout_ms, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListOffsetsTopic {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartition>,
}

impl Element for ListOffsetsTopic {
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
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    pub current_leader_epoch: i32,
    pub timestamp: i64,
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        Self { partition_index: 0, current_leader_epoch: -1, timestamp: 0 }
    }
}

impl Element for ListOffsetsPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        if v >= 4 {
            s.current_leader_epoch = r.get(v)?;
        }
        s.timestamp = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        if v >= 4 {
            w.put(&self.current_leader_epoch, v)?;
        }
        w.put(&self.timestamp, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ListOffsetsRequest {
    const NAME: &'static str = "ListOffsetsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=11;
    const FLEXIBLE_FROM: i16 = 6;
}

impl Request for ListOffsetsRequest {
    const KEY: ApiKey = ApiKey::ListOffsets;
    type Response = crate::messages::list_offsets_response::ListOffsetsResponse;
}
