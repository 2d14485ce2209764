//! DeleteAclsRequest, versions 1 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
}

impl Element for DeleteAclsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.filters = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.filters, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeleteAclsFilter {
    pub resource_type_filter: i8,
    pub resource_name_filter: Option<Str>,
    pub pattern_type_filter: i8,
    pub principal_filter: Option<Str>,
    pub host_filter: Option<Str>,
    pub operation: i8,
    pub permission_type: i8,
}

impl Default for DeleteAclsFilter {
    fn default() -> Self {
        Self {
            resource_type_filter: 0,
            resource_name_filter: Some(Str::EMPTY),
            pattern_type_filter: 3,
            principal_filter: Some(Str::EMPTY),
            host_filter: Some(Str::EMPTY),
            operation: 0,
            permission_type: 0,
        }
    }
}

impl Element for DeleteAclsFilter {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.resource_type_filter = r.get(v)?;
        s.resource_name_filter = r.get(v)?;
        s.pattern_type_filter = r.get(v)?;
        s.principal_filter = r.get(v)?;
        s.host_filter = r.get(v)?;
        s.operation = r.get(v)?;
        s.permission_type = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.resource_type_filter, v)?;
        w.put(&self.resource_name_filter, v)?;
        w.put(&self.pattern_type_filter, v)?;
        w.put(&self.principal_filter, v)?;
        w.put(&self.host_filter, v)?;
        w.put(&self.operation, v)?;
        w.put(&self.permission_type, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DeleteAclsRequest {
    const NAME: &'static str = "DeleteAclsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for DeleteAclsRequest {
    const KEY: ApiKey = ApiKey::DeleteAcls;
    type Response = crate::messages::delete_acls_response::DeleteAclsResponse;
}
