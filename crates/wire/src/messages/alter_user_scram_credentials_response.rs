//! AlterUserScramCredentialsResponse, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<AlterUserScramCredentialsResult>,
}

impl Element for AlterUserScramCredentialsResponse {
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
pub struct AlterUserScramCredentialsResult {
    pub user: Str,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for AlterUserScramCredentialsResult {
    fn default() -> Self {
        Self { user: Str::EMPTY, error_code: 0, error_message: Some(Str::EMPTY) }
    }
}

impl Element for AlterUserScramCredentialsResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.user = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.user, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AlterUserScramCredentialsResponse {
    const NAME: &'static str = "AlterUserScramCredentialsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
