//! DescribeConfigsResponse, versions 1 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
}

impl Element for DescribeConfigsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.results = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.results, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResult {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<DescribeConfigsResourceResult>,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::EMPTY),
            resource_type: 0,
            resource_name: Str::EMPTY,
            configs: Vec::new(),
        }
    }
}

impl Element for DescribeConfigsResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.resource_type = r.get(v)?;
        s.resource_name = r.get(v)?;
        s.configs = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.resource_type, v)?;
        w.put(&self.resource_name, v)?;
        w.put(&self.configs, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsResourceResult {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    pub config_type: i8,
    pub documentation: Option<Str>,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        Self {
            name: Str::EMPTY,
            value: Some(Str::EMPTY),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(Str::EMPTY),
        }
    }
}

impl Element for DescribeConfigsResourceResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.value = r.get(v)?;
        s.read_only = r.get(v)?;
        s.config_source = r.get(v)?;
        s.is_sensitive = r.get(v)?;
        s.synonyms = r.get(v)?;
        if v >= 3 {
            s.config_type = r.get(v)?;
        }
        if v >= 3 {
            s.documentation = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.value, v)?;
        w.put(&self.read_only, v)?;
        w.put(&self.config_source, v)?;
        w.put(&self.is_sensitive, v)?;
        w.put(&self.synonyms, v)?;
        if v >= 3 {
            w.put(&self.config_type, v)?;
        }
        if v >= 3 {
            w.put(&self.documentation, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeConfigsSynonym {
    pub name: Str,
    pub value: Option<Str>,
    pub source: i8,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        Self { name: Str::EMPTY, value: Some(Str::EMPTY), source: 0 }
    }
}

impl Element for DescribeConfigsSynonym {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.value = r.get(v)?;
        s.source = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.value, v)?;
        w.put(&self.source, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeConfigsResponse {
    const NAME: &'static str = "DescribeConfigsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const FLEXIBLE_FROM: i16 = 4;
}
