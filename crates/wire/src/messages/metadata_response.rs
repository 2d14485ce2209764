//! MetadataResponse, versions 0 to 13. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponse {
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    pub cluster_id: Option<Str>,
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    pub cluster_authorized_operations: i32,
    pub error_code: i16,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: -2147483648,
            error_code: 0,
        }
    }
}

impl Element for MetadataResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 3 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.brokers = r.get(v)?;
        if v >= 2 {
            s.cluster_id = r.get(v)?;
        }
        if v >= 1 {
            s.controller_id = r.get(v)?;
        }
        s.topics = r.get(v)?;
        if (8..=10).contains(&v) {
            s.cluster_authorized_operations = r.get(v)?;
        }
        if v >= 13 {
            s.error_code = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 3 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.brokers, v)?;
        if v >= 2 {
            w.put(&self.cluster_id, v)?;
        }
        if v >= 1 {
            w.put(&self.controller_id, v)?;
        }
        w.put(&self.topics, v)?;
        if (8..=10).contains(&v) {
            w.put(&self.cluster_authorized_operations, v)?;
        } else {
            w.absent(self.cluster_authorized_operations == -2147483648, "cluster_authorized_operations")?;
        }
        if v >= 13 {
            w.put(&self.error_code, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

impl Element for MetadataResponseBroker {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.node_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        if v >= 1 {
            s.rack = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.node_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        if v >= 1 {
            w.put(&self.rack, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponseTopic {
    pub error_code: i16,
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    pub topic_authorized_operations: i32,
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(Str::EMPTY),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: -2147483648,
        }
    }
}

impl Element for MetadataResponseTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.name = if v >= 12 { r.get(v)? } else { r.get_some(v)? };
        if v >= 10 {
            s.topic_id = r.get(v)?;
        }
        if v >= 1 {
            s.is_internal = r.get(v)?;
        }
        s.partitions = r.get(v)?;
        if v >= 8 {
            s.topic_authorized_operations = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        if v >= 12 {
            w.put(&self.name, v)?;
        } else {
            w.put_some(&self.name, "name", v)?;
        };
        if v >= 10 {
            w.put(&self.topic_id, v)?;
        }
        if v >= 1 {
            w.put(&self.is_internal, v)?;
        }
        w.put(&self.partitions, v)?;
        if v >= 8 {
            w.put(&self.topic_authorized_operations, v)?;
        } else {
            w.absent(self.topic_authorized_operations == -2147483648, "topic_authorized_operations")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    pub offline_replicas: Vec<i32>,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
        }
    }
}

impl Element for MetadataResponsePartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.partition_index = r.get(v)?;
        s.leader_id = r.get(v)?;
        if v >= 7 {
            s.leader_epoch = r.get(v)?;
        }
        s.replica_nodes = r.get(v)?;
        s.isr_nodes = r.get(v)?;
        if v >= 5 {
            s.offline_replicas = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.partition_index, v)?;
        w.put(&self.leader_id, v)?;
        if v >= 7 {
            w.put(&self.leader_epoch, v)?;
        }
        w.put(&self.replica_nodes, v)?;
        w.put(&self.isr_nodes, v)?;
        if v >= 5 {
            w.put(&self.offline_replicas, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    const FLEXIBLE_FROM: i16 = 9;
}
