//! MetadataRequest, versions 0 to 13. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequest {
    pub topics: Option<Vec<MetadataRequestTopic>>,
    pub allow_auto_topic_creation: bool,
    pub include_cluster_authorized_operations: bool,
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl Element for MetadataRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topics = if v >= 1 { r.get(v)? } else { r.get_some(v)? };
        if v >= 4 {
            s.allow_auto_topic_creation = r.get(v)?;
        }
        if (8..=10).contains(&v) {
            s.include_cluster_authorized_operations = r.get(v)?;
        }
        if v >= 8 {
            s.include_topic_authorized_operations = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.topics, v)?;
        } else {
            w.put_some(&self.topics, "topics", v)?;
        };
        if v >= 4 {
            w.put(&self.allow_auto_topic_creation, v)?;
        } else {
            w.absent(self.allow_auto_topic_creation, "allow_auto_topic_creation")?;
        }
        if (8..=10).contains(&v) {
            w.put(&self.include_cluster_authorized_operations, v)?;
        } else {
            w.absent(!self.include_cluster_authorized_operations, "include_cluster_authorized_operations")?;
        }
        if v >= 8 {
            w.put(&self.include_topic_authorized_operations, v)?;
        } else {
            w.absent(!self.include_topic_authorized_operations, "include_topic_authorized_operations")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequestTopic {
    pub topic_id: Uuid,
    pub name: Option<Str>,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self { topic_id: Uuid::ZERO, name: Some(Str::EMPTY) }
    }
}

impl Element for MetadataRequestTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 10 {
            s.topic_id = r.get(v)?;
        }
        s.name = if v >= 10 { r.get(v)? } else { r.get_some(v)? };
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 10 {
            w.put(&self.topic_id, v)?;
        }
        if v >= 10 {
            w.put(&self.name, v)?;
        } else {
            w.put_some(&self.name, "name", v)?;
        };
        w.no_tags();
        Ok(())
    }
}

impl Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    const FLEXIBLE_FROM: i16 = 9;
}

impl Request for MetadataRequest {
    const KEY: ApiKey = ApiKey::Metadata;
    type Response = crate::messages::metadata_response::MetadataResponse;
}
