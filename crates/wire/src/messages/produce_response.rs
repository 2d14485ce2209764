//! ProduceResponse, versions 3 to 13. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Element for ProduceResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.responses = r.get(v)?;
        s.throttle_time_ms = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 10 => s.node_endpoints = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.responses, v)?;
        w.put(&self.throttle_time_ms, v)?;
        let tags = w.tags();
        if v >= 10 {
            tags.put(w, 0, self.node_endpoints.is_empty(), |w| w.put(&self.node_endpoints, v))?;
        } else {
            w.absent(self.node_endpoints.is_empty(), "node_endpoints")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceResponse {
    pub name: Str,
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
}

impl Element for TopicProduceResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 12 {
            s.name = r.get(v)?;
        }
        if v >= 13 {
            s.topic_id = r.get(v)?;
        }
        s.partition_responses = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 12 {
            w.put(&self.name, v)?;
        }
        if v >= 13 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partition_responses, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: i16,
    pub base_offset: i64,
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    pub error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
        }
    }
}

impl Element for PartitionProduceResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.index = r.get(v)?;
        s.error_code = r.get(v)?;
        s.base_offset = r.get(v)?;
        s.log_append_time_ms = r.get(v)?;
        if v >= 5 {
            s.log_start_offset = r.get(v)?;
        }
        if v >= 8 {
            s.record_errors = r.get(v)?;
        }
        if v >= 8 {
            s.error_message = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 10 => s.current_leader = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.index, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.base_offset, v)?;
        w.put(&self.log_append_time_ms, v)?;
        if v >= 5 {
            w.put(&self.log_start_offset, v)?;
        }
        if v >= 8 {
            w.put(&self.record_errors, v)?;
        }
        if v >= 8 {
            w.put(&self.error_message, v)?;
        }
        let tags = w.tags();
        if v >= 10 {
            tags.put(w, 0, self.current_leader == LeaderIdAndEpoch::default(), |w| w.put(&self.current_leader, v))?;
        } else {
            w.absent(self.current_leader == LeaderIdAndEpoch::default(), "current_leader")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Str>,
}

impl Element for BatchIndexAndErrorMessage {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.batch_index = r.get(v)?;
        s.batch_index_error_message = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.batch_index, v)?;
        w.put(&self.batch_index_error_message, v)?;
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

impl Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    const FLEXIBLE_FROM: i16 = 9;
}
