//! CreateAclsRequest, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
}

impl Element for CreateAclsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.creations = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.creations, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct AclCreation {
    pub resource_type: i8,
    pub resource_name: Str,
    pub resource_pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}

impl Default for AclCreation {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::EMPTY,
            resource_pattern_type: 3,
            principal: Str::EMPTY,
            host: Str::EMPTY,
            operation: 0,
            permission_type: 0,
        }
    }
}

impl Element for AclCreation {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.resource_type = r.get(v)?;
        s.resource_name = r.get(v)?;
        s.resource_pattern_type = r.get(v)?;
        s.principal = r.get(v)?;
        s.host = r.get(v)?;
        s.operation = r.get(v)?;
        s.permission_type = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.resource_type, v)?;
        w.put(&self.resource_name, v)?;
        w.put(&self.resource_pattern_type, v)?;
        w.put(&self.principal, v)?;
        w.put(&self.host, v)?;
        w.put(&self.operation, v)?;
        w.put(&self.permission_type, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for CreateAclsRequest {
    const NAME: &'static str = "CreateAclsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for CreateAclsRequest {
    const KEY: ApiKey = ApiKey::CreateAcls;
    type Response = crate::messages::create_acls_response::CreateAclsResponse;
}
