//! DescribeDelegationTokenRequest, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeDelegationTokenRequest {
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
}

impl Default for DescribeDelegationTokenRequest {
    fn default() -> Self {
        Self { owners: Some(Vec::new()) }
    }
}

impl Element for DescribeDelegationTokenRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.owners = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.owners, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeDelegationTokenOwner {
    pub principal_type: Str,
    pub principal_name: Str,
}

impl Element for DescribeDelegationTokenOwner {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.principal_type = r.get(v)?;
        s.principal_name = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.principal_type, v)?;
        w.put(&self.principal_name, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeDelegationTokenRequest {
    const NAME: &'static str = "DescribeDelegationTokenRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for DescribeDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::DescribeDelegationToken;
    type Response = crate::messages::describe_delegation_token_response::DescribeDelegationTokenResponse;
}
