//! StreamsGroupTopologyValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTopologyValue {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
}

impl Element for StreamsGroupTopologyValue {
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

impl Message for StreamsGroupTopologyValue {
    const NAME: &'static str = "StreamsGroupTopologyValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for StreamsGroupTopologyValue {
    const TYPE: i16 = 23;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicConfig {
    pub key: Str,
    pub value: Str,
}

impl Element for TopicConfig {
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
    pub topic_configs: Vec<TopicConfig>,
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
