//! DescribeClientQuotasRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    pub strict: bool,
}

impl Element for DescribeClientQuotasRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.components = r.get(v)?;
        s.strict = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.components, v)?;
        w.put(&self.strict, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ComponentData {
    pub entity_type: Str,
    pub match_type: i8,
    pub match_: Option<Str>,
}

impl Default for ComponentData {
    fn default() -> Self {
        Self { entity_type: Str::EMPTY, match_type: 0, match_: Some(Str::EMPTY) }
    }
}

impl Element for ComponentData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.entity_type = r.get(v)?;
        s.match_type = r.get(v)?;
        s.match_ = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.entity_type, v)?;
        w.put(&self.match_type, v)?;
        w.put(&self.match_, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeClientQuotasRequest {
    const NAME: &'static str = "DescribeClientQuotasRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 1;
}

impl Request for DescribeClientQuotasRequest {
    const KEY: ApiKey = ApiKey::DescribeClientQuotas;
    type Response = crate::messages::describe_client_quotas_response::DescribeClientQuotasResponse;
}
