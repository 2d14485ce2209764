//! FetchSnapshotResponse, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchSnapshotResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<TopicSnapshot>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Element for FetchSnapshotResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.topics = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 1 => s.node_endpoints = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.topics, v)?;
        let tags = w.tags();
        if v >= 1 {
            tags.put(w, 0, self.node_endpoints.is_empty(), |w| w.put(&self.node_endpoints, v))?;
        } else {
            w.absent(self.node_endpoints.is_empty(), "node_endpoints")?;
        }
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
    pub index: i32,
    pub error_code: i16,
    pub snapshot_id: SnapshotId,
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Records,
}

impl Element for PartitionSnapshot {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.index = r.get(v)?;
        s.error_code = r.get(v)?;
        s.snapshot_id = r.get(v)?;
        s.size = r.get(v)?;
        s.position = r.get(v)?;
        s.unaligned_records = r.get_records(false)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.current_leader = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.index, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.snapshot_id, v)?;
        w.put(&self.size, v)?;
        w.put(&self.position, v)?;
        w.put_records(&self.unaligned_records, false, "unaligned_records")?;
        let tags = w.tags();
        tags.put(w, 0, self.current_leader == LeaderIdAndEpoch::default(), |w| w.put(&self.current_leader, v))?;
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Element for LeaderIdAndEpoch {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}

impl Element for NodeEndpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.node_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.node_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for FetchSnapshotResponse {
    const NAME: &'static str = "FetchSnapshotResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}
