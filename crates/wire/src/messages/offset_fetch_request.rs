//! OffsetFetchRequest, versions 1 to 10. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequest {
    pub group_id: Str,
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    pub groups: Vec<OffsetFetchRequestGroup>,
    pub require_stable: bool,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        Self { group_id: Str::EMPTY, topics: Some(Vec::new()), groups: Vec::new(), require_stable: false }
    }
}

impl Element for OffsetFetchRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 7 {
            s.group_id = r.get(v)?;
        }
        if v <= 7 {
            s.topics = if v >= 2 { r.get(v)? } else { r.get_some(v)? };
        }
        if v >= 8 {
            s.groups = r.get(v)?;
        }
        if v >= 7 {
            s.require_stable = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 7 {
            w.put(&self.group_id, v)?;
        } else {
            w.absent(self.group_id.is_empty(), "group_id")?;
        }
        if v <= 7 {
            if v >= 2 {
                w.put(&self.topics, v)?;
            } else {
                w.put_some(&self.topics, "topics", v)?;
            };
        } else {
            w.absent(self.topics.as_ref().is_some_and(|value| value.is_empty()), "topics")?;
        }
        if v >= 8 {
            w.put(&self.groups, v)?;
        } else {
            w.absent(self.groups.is_empty(), "groups")?;
        }
        if v >= 7 {
            w.put(&self.require_stable, v)?;
        } else {
            w.absent(!self.require_stable, "require_stable")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

impl Element for OffsetFetchRequestTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.partition_indexes = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.partition_indexes, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequestGroup {
    pub group_id: Str,
    pub member_id: Option<Str>,
    pub member_epoch: i32,
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        Self { group_id: Str::EMPTY, member_id: None, member_epoch: -1, topics: Some(Vec::new()) }
    }
}

impl Element for OffsetFetchRequestGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        if v >= 9 {
            s.member_id = r.get(v)?;
        }
        if v >= 9 {
            s.member_epoch = r.get(v)?;
        }
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        if v >= 9 {
            w.put(&self.member_id, v)?;
        }
        if v >= 9 {
            w.put(&self.member_epoch, v)?;
        }
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopics {
    pub name: Str,
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
}

impl Element for OffsetFetchRequestTopics {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 9 {
            s.name = r.get(v)?;
        }
        if v >= 10 {
            s.topic_id = r.get(v)?;
        }
        s.partition_indexes = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 9 {
            w.put(&self.name, v)?;
        }
        if v >= 10 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partition_indexes, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetchRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    const FLEXIBLE_FROM: i16 = 6;
}

impl Request for OffsetFetchRequest {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    type Response = crate::messages::offset_fetch_response::OffsetFetchResponse;
}
