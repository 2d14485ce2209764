//! DescribeGroupsRequest, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeGroupsRequest {
    pub groups: Vec<Str>,
    pub include_authorized_operations: bool,
}

impl Element for DescribeGroupsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.groups = r.get(v)?;
        if v >= 3 {
            s.include_authorized_operations = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.groups, v)?;
        if v >= 3 {
            w.put(&self.include_authorized_operations, v)?;
        } else {
            w.absent(!self.include_authorized_operations, "include_authorized_operations")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeGroupsRequest {
    const NAME: &'static str = "DescribeGroupsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 5;
}

impl Request for DescribeGroupsRequest {
    const KEY: ApiKey = ApiKey::DescribeGroups;
    type Response = crate::messages::describe_groups_response::DescribeGroupsResponse;
}
