//! ListGroupsRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsRequest {
    pub states_filter: Vec<Str>,
    pub types_filter: Vec<Str>,
}

impl Element for ListGroupsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 4 {
            s.states_filter = r.get(v)?;
        }
        if v >= 5 {
            s.types_filter = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 4 {
            w.put(&self.states_filter, v)?;
        } else {
            w.absent(self.states_filter.is_empty(), "states_filter")?;
        }
        if v >= 5 {
            w.put(&self.types_filter, v)?;
        } else {
            w.absent(self.types_filter.is_empty(), "types_filter")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ListGroupsRequest {
    const NAME: &'static str = "ListGroupsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for ListGroupsRequest {
    const KEY: ApiKey = ApiKey::ListGroups;
    type Response = crate::messages::list_groups_response::ListGroupsResponse;
}
