//! DeleteTopicsResponse, versions 1 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
}

impl Element for DeleteTopicsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.responses = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.responses, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeletableTopicResult {
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self { name: Some(Str::EMPTY), topic_id: Uuid::ZERO, error_code: 0, error_message: None }
    }
}

impl Element for DeletableTopicResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = if v >= 6 { r.get(v)? } else { r.get_some(v)? };
        if v >= 6 {
            s.topic_id = r.get(v)?;
        }
        s.error_code = r.get(v)?;
        if v >= 5 {
            s.error_message = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 6 {
            w.put(&self.name, v)?;
        } else {
            w.put_some(&self.name, "name", v)?;
        };
        if v >= 6 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.error_code, v)?;
        if v >= 5 {
            w.put(&self.error_message, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    const FLEXIBLE_FROM: i16 = 4;
}
