//! DescribeQuorumResponse, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeQuorumResponse {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub topics: Vec<TopicData>,
    pub nodes: Vec<Node>,
}

impl Default for DescribeQuorumResponse {
    fn default() -> Self {
        Self { error_code: 0, error_message: Some(Str::EMPTY), topics: Vec::new(), nodes: Vec::new() }
    }
}

impl Element for DescribeQuorumResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        if v >= 2 {
            s.error_message = r.get(v)?;
        }
        s.topics = r.get(v)?;
        if v >= 2 {
            s.nodes = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        if v >= 2 {
            w.put(&self.error_message, v)?;
        }
        w.put(&self.topics, v)?;
        if v >= 2 {
            w.put(&self.nodes, v)?;
        } else {
            w.absent(self.nodes.is_empty(), "nodes")?;
        }
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

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            error_message: Some(Str::EMPTY),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: Vec::new(),
            observers: Vec::new(),
        }
    }
}

impl Element for PartitionData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.error_code = r.get(v)?;
        if v >= 2 {
            s.error_message = r.get(v)?;
        }
        s.leader_id = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        s.high_watermark = r.get(v)?;
        s.current_voters = r.get(v)?;
        s.observers = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.error_code, v)?;
        if v >= 2 {
            w.put(&self.error_message, v)?;
        }
        w.put(&self.leader_id, v)?;
        w.put(&self.leader_epoch, v)?;
        w.put(&self.high_watermark, v)?;
        w.put(&self.current_voters, v)?;
        w.put(&self.observers, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
}

impl Element for Node {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.node_id = r.get(v)?;
        s.listeners = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.node_id, v)?;
        w.put(&self.listeners, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Element for Listener {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeQuorumResponse {
    const NAME: &'static str = "DescribeQuorumResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    pub last_fetch_timestamp: i64,
    pub last_caught_up_timestamp: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: 0,
            replica_directory_id: Uuid::ZERO,
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
        }
    }
}

impl Element for ReplicaState {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.replica_id = r.get(v)?;
        if v >= 2 {
            s.replica_directory_id = r.get(v)?;
        }
        s.log_end_offset = r.get(v)?;
        if v >= 1 {
            s.last_fetch_timestamp = r.get(v)?;
        }
        if v >= 1 {
            s.last_caught_up_timestamp = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.replica_id, v)?;
        if v >= 2 {
            w.put(&self.replica_directory_id, v)?;
        } else {
            w.absent(self.replica_directory_id.is_zero(), "replica_directory_id")?;
        }
        w.put(&self.log_end_offset, v)?;
        if v >= 1 {
            w.put(&self.last_fetch_timestamp, v)?;
        }
        if v >= 1 {
            w.put(&self.last_caught_up_timestamp, v)?;
        }
        w.no_tags();
        Ok(())
    }
}
