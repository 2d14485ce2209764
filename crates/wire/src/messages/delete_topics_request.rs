//! DeleteTopicsRequest, versions 1 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsRequest {
    pub topics: Vec<DeleteTopicState>,
    pub topic_names: Vec<Str>,
    pub timeout_ms: i32,
}

impl Element for DeleteTopicsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 6 {
            s.topics = r.get(v)?;
        }
        if v <= 5 {
            s.topic_names = r.get(v)?;
        }
        s.timeout_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 6 {
            w.put(&self.topics, v)?;
        } else {
            w.absent(self.topics.is_empty(), "topics")?;
        }
        if v <= 5 {
            w.put(&self.topic_names, v)?;
        }
        w.put(&self.timeout_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicState {
    pub name: Option<Str>,
    pub topic_id: Uuid,
}

impl Element for DeleteTopicState {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.topic_id = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.topic_id, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    const FLEXIBLE_FROM: i16 = 4;
}

impl Request for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    type Response = crate::messages::delete_topics_response::DeleteTopicsResponse;
}
