//! DescribeConfigsRequest, versions 1 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    pub include_documentation: bool,
}

impl Element for DescribeConfigsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.resources = r.get(v)?;
        s.include_synonyms = r.get(v)?;
        if v >= 3 {
            s.include_documentation = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.resources, v)?;
        w.put(&self.include_synonyms, v)?;
        if v >= 3 {
            w.put(&self.include_documentation, v)?;
        } else {
            w.absent(!self.include_documentation, "include_documentation")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    pub configuration_keys: Option<Vec<Str>>,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        Self { resource_type: 0, resource_name: Str::EMPTY, configuration_keys: Some(Vec::new()) }
    }
}

impl Element for DescribeConfigsResource {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.resource_type = r.get(v)?;
        s.resource_name = r.get(v)?;
        s.configuration_keys = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.resource_type, v)?;
        w.put(&self.resource_name, v)?;
        w.put(&self.configuration_keys, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeConfigsRequest {
    const NAME: &'static str = "DescribeConfigsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const FLEXIBLE_FROM: i16 = 4;
}

impl Request for DescribeConfigsRequest {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    type Response = crate::messages::describe_configs_response::DescribeConfigsResponse;
}
