//! FetchResponse, versions 4 to 18. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Element for FetchResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        if v >= 7 {
            s.error_code = r.get(v)?;
        }
        if v >= 7 {
            s.session_id = r.get(v)?;
        }
        s.responses = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 16 => s.node_endpoints = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        if v >= 7 {
            w.put(&self.error_code, v)?;
        }
        if v >= 7 {
            w.put(&self.session_id, v)?;
        } else {
            w.absent(self.session_id == 0, "session_id")?;
        }
        w.put(&self.responses, v)?;
        let tags = w.tags();
        if v >= 16 {
            tags.put(w, 0, self.node_endpoints.is_empty(), |w| w.put(&self.node_endpoints, v))?;
        } else {
            w.absent(self.node_endpoints.is_empty(), "node_endpoints")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchableTopicResponse {
    pub topic: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Element for FetchableTopicResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 12 {
            s.topic = r.get(v)?;
        }
        if v >= 13 {
            s.topic_id = r.get(v)?;
        }
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 12 {
            w.put(&self.topic, v)?;
        }
        if v >= 13 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start_offset: i64,
    pub diverging_epoch: EpochEndOffset,
    pub current_leader: LeaderIdAndEpoch,
    pub snapshot_id: SnapshotId,
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    pub preferred_read_replica: i32,
    pub records: Records,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: Records::Null,
        }
    }
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.error_code = r.get(v)?;
        s.high_watermark = r.get(v)?;
        s.last_stable_offset = r.get(v)?;
        if v >= 5 {
            s.log_start_offset = r.get(v)?;
        }
        s.aborted_transactions = r.get(v)?;
        if v >= 11 {
            s.preferred_read_replica = r.get(v)?;
        }
        s.records = r.get_records(true)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 12 => s.diverging_epoch = r.get(v)?,
                1 if v >= 12 => s.current_leader = r.get(v)?,
                2 if v >= 12 => s.snapshot_id = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.high_watermark, v)?;
        w.put(&self.last_stable_offset, v)?;
        if v >= 5 {
            w.put(&self.log_start_offset, v)?;
        }
        w.put(&self.aborted_transactions, v)?;
        if v >= 11 {
            w.put(&self.preferred_read_replica, v)?;
        } else {
            w.absent(self.preferred_read_replica == -1, "preferred_read_replica")?;
        }
        w.put_records(&self.records, true, "records")?;
        let tags = w.tags();
        if v >= 12 {
            tags.put(w, 0, self.diverging_epoch == EpochEndOffset::default(), |w| w.put(&self.diverging_epoch, v))?;
        } else {
            w.absent(self.diverging_epoch == EpochEndOffset::default(), "diverging_epoch")?;
        }
        if v >= 12 {
            tags.put(w, 1, self.current_leader == LeaderIdAndEpoch::default(), |w| w.put(&self.current_leader, v))?;
        } else {
            w.absent(self.current_leader == LeaderIdAndEpoch::default(), "current_leader")?;
        }
        if v >= 12 {
            tags.put(w, 2, self.snapshot_id == SnapshotId::default(), |w| w.put(&self.snapshot_id, v))?;
        } else {
            w.absent(self.snapshot_id == SnapshotId::default(), "snapshot_id")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    pub epoch: i32,
    pub end_offset: i64,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self { epoch: -1, end_offset: -1 }
    }
}

impl Element for EpochEndOffset {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.epoch = r.get(v)?;
        s.end_offset = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.epoch, v)?;
        w.put(&self.end_offset, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self { leader_id: -1, leader_epoch: -1 }
    }
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

#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self { end_offset: -1, epoch: -1 }
    }
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
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

impl Element for AbortedTransaction {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.producer_id = r.get(v)?;
        s.first_offset = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.producer_id, v)?;
        w.put(&self.first_offset, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

impl Element for NodeEndpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.node_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        s.rack = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.node_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.put(&self.rack, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    const FLEXIBLE_FROM: i16 = 12;
}
