//! FetchSnapshotRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct FetchSnapshotRequest {
    pub cluster_id: Option<Str>,
    pub replica_id: i32,
    pub max_bytes: i32,
    pub topics: Vec<TopicSnapshot>,
}

impl Default for FetchSnapshotRequest {
    fn default() -> Self {
        Self { cluster_id: None, replica_id: -1, max_bytes: i32::MAX, topics: Vec::new() }
    }
}

impl Element for FetchSnapshotRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.replica_id = r.get(v)?;
        s.max_bytes = r.get(v)?;
        s.topics = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.cluster_id = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.replica_id, v)?;
        w.put(&self.max_bytes, v)?;
        w.put(&self.topics, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.cluster_id.is_none(), |w| w.put(&self.cluster_id, v))?;
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicSnapshot {
    pub name: Str,
    pub partitions: Vec<PartitionSnapshot>,
}

impl Element for TopicSnapshot {
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: SnapshotId,
    pub position: i64,
    pub replica_directory_id: Uuid,
}

impl Element for PartitionSnapshot {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition = r.get(v)?;
        s.current_leader_epoch = r.get(v)?;
        s.snapshot_id = r.get(v)?;
        s.position = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 1 => s.replica_directory_id = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition, v)?;
        w.put(&self.current_leader_epoch, v)?;
        w.put(&self.snapshot_id, v)?;
        w.put(&self.position, v)?;
        let tags = w.tags();
        if v >= 1 {
            tags.put(w, 0, self.replica_directory_id.is_zero(), |w| w.put(&self.replica_directory_id, v))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

impl Element for SnapshotId {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.end_offset = r.get(v)?;
        s.epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.end_offset, v)?;
        w.put(&self.epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for FetchSnapshotRequest {
    const NAME: &'static str = "FetchSnapshotRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for FetchSnapshotRequest {
    const KEY: ApiKey = ApiKey::FetchSnapshot;
    type Response = crate::messages::fetch_snapshot_response::FetchSnapshotResponse;
}
