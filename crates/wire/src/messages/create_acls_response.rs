//! CreateAclsResponse, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateAclsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<AclCreationResult>,
}

impl Element for CreateAclsResponse {
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
pub struct AclCreationResult {
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for AclCreationResult {
    fn default() -> Self {
        Self { error_code: 0, error_message: Some(Str::EMPTY) }
    }
}

impl Element for AclCreationResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for CreateAclsResponse {
    const NAME: &'static str = "CreateAclsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}
