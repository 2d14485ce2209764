//! ListConfigResourcesRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesRequest {
    pub resource_types: Vec<i8>,
}

impl Element for ListConfigResourcesRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.resource_types = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.resource_types, v)?;
        } else {
            w.absent(self.resource_types.is_empty(), "resource_types")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ListConfigResourcesRequest {
    const NAME: &'static str = "ListConfigResourcesRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ListConfigResourcesRequest {
    const KEY: ApiKey = ApiKey::ListConfigResources;
    type Response = crate::messages::list_config_resources_response::ListConfigResourcesResponse;
}
