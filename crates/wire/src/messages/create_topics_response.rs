//! CreateTopicsResponse, versions 2 to 7. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
}

impl Element for CreateTopicsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicResult {
    pub name: Str,
    pub topic_id: Uuid,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub topic_config_error_code: i16,
    pub num_partitions: i32,
    pub replication_factor: i16,
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        Self {
            name: Str::EMPTY,
            topic_id: Uuid::ZERO,
            error_code: 0,
            error_message: Some(Str::EMPTY),
            topic_config_error_code: 0,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
        }
    }
}

impl Element for CreatableTopicResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        if v >= 7 {
            s.topic_id = r.get(v)?;
        }
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        if v >= 5 {
            s.num_partitions = r.get(v)?;
        }
        if v >= 5 {
            s.replication_factor = r.get(v)?;
        }
        if v >= 5 {
            s.configs = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 5 => s.topic_config_error_code = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        if v >= 7 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        if v >= 5 {
            w.put(&self.num_partitions, v)?;
        }
        if v >= 5 {
            w.put(&self.replication_factor, v)?;
        }
        if v >= 5 {
            w.put(&self.configs, v)?;
        }
        let tags = w.tags();
        if v >= 5 {
            tags.put(w, 0, self.topic_config_error_code == 0, |w| w.put(&self.topic_config_error_code, v))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreatableTopicConfigs {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        Self { name: Str::EMPTY, value: Some(Str::EMPTY), read_only: false, config_source: -1, is_sensitive: false }
    }
}

impl Element for CreatableTopicConfigs {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.value = r.get(v)?;
        s.read_only = r.get(v)?;
        s.config_source = r.get(v)?;
        s.is_sensitive = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.value, v)?;
        w.put(&self.read_only, v)?;
        w.put(&self.config_source, v)?;
        w.put(&self.is_sensitive, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for CreateTopicsResponse {
    const NAME: &'static str = "CreateTopicsResponse";
    const VERSIONS: RangeInclusive<i16> = 2..=7;
    const FLEXIBLE_FROM: i16 = 5;
}
