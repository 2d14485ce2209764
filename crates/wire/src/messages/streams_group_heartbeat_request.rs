//! StreamsGroupHeartbeatRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub endpoint_information_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub rebalance_timeout_ms: i32,
    pub topology: Option<Topology>,
    pub active_tasks: Option<Vec<TaskIds>>,
    pub standby_tasks: Option<Vec<TaskIds>>,
    pub warmup_tasks: Option<Vec<TaskIds>>,
    pub process_id: Option<Str>,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Option<Vec<KeyValue>>,
    pub task_offsets: Option<Vec<TaskOffset>>,
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    pub shutdown_application: bool,
}

impl Default for StreamsGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Str::EMPTY,
            member_id: Str::EMPTY,
            member_epoch: 0,
            endpoint_information_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            topology: None,
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            process_id: None,
            user_endpoint: None,
            client_tags: None,
            task_offsets: None,
            task_end_offsets: None,
            shutdown_application: false,
        }
    }
}

impl Element for StreamsGroupHeartbeatRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.member_id = r.get(v)?;
        s.member_epoch = r.get(v)?;
        s.endpoint_information_epoch = r.get(v)?;
        s.instance_id = r.get(v)?;
        s.rack_id = r.get(v)?;
        s.rebalance_timeout_ms = r.get(v)?;
        s.topology = r.get_struct(v)?;
        s.active_tasks = r.get(v)?;
        s.standby_tasks = r.get(v)?;
        s.warmup_tasks = r.get(v)?;
        s.process_id = r.get(v)?;
        s.user_endpoint = r.get_struct(v)?;
        s.client_tags = r.get(v)?;
        s.task_offsets = r.get(v)?;
        s.task_end_offsets = r.get(v)?;
        s.shutdown_application = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.member_id, v)?;
        w.put(&self.member_epoch, v)?;
        w.put(&self.endpoint_information_epoch, v)?;
        w.put(&self.instance_id, v)?;
        w.put(&self.rack_id, v)?;
        w.put(&self.rebalance_timeout_ms, v)?;
        w.put_struct(&self.topology, v)?;
        w.put(&self.active_tasks, v)?;
        w.put(&self.standby_tasks, v)?;
        w.put(&self.warmup_tasks, v)?;
        w.put(&self.process_id, v)?;
        w.put_struct(&self.user_endpoint, v)?;
        w.put(&self.client_tags, v)?;
        w.put(&self.task_offsets, v)?;
        w.put(&self.task_end_offsets, v)?;
        w.put(&self.shutdown_application, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
}

impl Element for Topology {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.epoch = r.get(v)?;
        s.subtopologies = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.epoch, v)?;
        w.put(&self.subtopologies, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub source_topic_regex: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<Str>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
}

impl Element for Subtopology {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.subtopology_id = r.get(v)?;
        s.source_topics = r.get(v)?;
        s.source_topic_regex = r.get(v)?;
        s.state_changelog_topics = r.get(v)?;
        s.repartition_sink_topics = r.get(v)?;
        s.repartition_source_topics = r.get(v)?;
        s.copartition_groups = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.subtopology_id, v)?;
        w.put(&self.source_topics, v)?;
        w.put(&self.source_topic_regex, v)?;
        w.put(&self.state_changelog_topics, v)?;
        w.put(&self.repartition_sink_topics, v)?;
        w.put(&self.repartition_source_topics, v)?;
        w.put(&self.copartition_groups, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
}

impl Element for CopartitionGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.source_topics = r.get(v)?;
        s.source_topic_regex = r.get(v)?;
        s.repartition_source_topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.source_topics, v)?;
        w.put(&self.source_topic_regex, v)?;
        w.put(&self.repartition_source_topics, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for StreamsGroupHeartbeatRequest {
    const NAME: &'static str = "StreamsGroupHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for StreamsGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::StreamsGroupHeartbeat;
    type Response = crate::messages::streams_group_heartbeat_response::StreamsGroupHeartbeatResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
}

impl Element for KeyValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.key = r.get(v)?;
        s.value = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.key, v)?;
        w.put(&self.value, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicInfo {
    pub name: Str,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
}

impl Element for TopicInfo {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.partitions = r.get(v)?;
        s.replication_factor = r.get(v)?;
        s.topic_configs = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.partitions, v)?;
        w.put(&self.replication_factor, v)?;
        w.put(&self.topic_configs, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

impl Element for Endpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskOffset {
    pub subtopology_id: Str,
    pub partition: i32,
    pub offset: i64,
}

impl Element for TaskOffset {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.subtopology_id = r.get(v)?;
        s.partition = r.get(v)?;
        s.offset = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.subtopology_id, v)?;
        w.put(&self.partition, v)?;
        w.put(&self.offset, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
}

impl Element for TaskIds {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.subtopology_id = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.subtopology_id, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}
