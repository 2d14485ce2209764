//! CreateDelegationTokenRequest, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct CreateDelegationTokenRequest {
    pub owner_principal_type: Option<Str>,
    pub owner_principal_name: Option<Str>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
}

impl Default for CreateDelegationTokenRequest {
    fn default() -> Self {
        Self {
            owner_principal_type: Some(Str::EMPTY),
            owner_principal_name: Some(Str::EMPTY),
            renewers: Vec::new(),
            max_lifetime_ms: 0,
        }
    }
}

impl Element for CreateDelegationTokenRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 3 {
            s.owner_principal_type = r.get(v)?;
        }
        if v >= 3 {
            s.owner_principal_name = r.get(v)?;
        }
        s.renewers = r.get(v)?;
        s.max_lifetime_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 3 {
            w.put(&self.owner_principal_type, v)?;
        } else {
            w.absent(self.owner_principal_type == Some(Str::EMPTY), "owner_principal_type")?;
        }
        if v >= 3 {
            w.put(&self.owner_principal_name, v)?;
        } else {
            w.absent(self.owner_principal_name == Some(Str::EMPTY), "owner_principal_name")?;
        }
        w.put(&self.renewers, v)?;
        w.put(&self.max_lifetime_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreatableRenewers {
    pub principal_type: Str,
    pub principal_name: Str,
}

impl Element for CreatableRenewers {
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

impl Message for CreateDelegationTokenRequest {
    const NAME: &'static str = "CreateDelegationTokenRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for CreateDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::CreateDelegationToken;
    type Response = crate::messages::create_delegation_token_response::CreateDelegationTokenResponse;
}
