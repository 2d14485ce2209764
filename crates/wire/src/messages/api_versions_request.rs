//! ApiVersionsRequest, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersionsRequest {
    pub client_software_name: Str,
    pub client_software_version: Str,
}

impl Element for ApiVersionsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 3 {
            s.client_software_name = r.get(v)?;
        }
        if v >= 3 {
            s.client_software_version = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 3 {
            w.put(&self.client_software_name, v)?;
        }
        if v >= 3 {
            w.put(&self.client_software_version, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersionsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for ApiVersionsRequest {
    const KEY: ApiKey = ApiKey::ApiVersions;
    type Response = crate::messages::api_versions_response::ApiVersionsResponse;
}
