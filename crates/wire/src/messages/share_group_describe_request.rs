//! ShareGroupDescribeRequest, versions 1 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
}

impl Element for ShareGroupDescribeRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_ids = r.get(v)?;
        s.include_authorized_operations = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_ids, v)?;
        w.put(&self.include_authorized_operations, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ShareGroupDescribeRequest {
    const NAME: &'static str = "ShareGroupDescribeRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ShareGroupDescribeRequest {
    const KEY: ApiKey = ApiKey::ShareGroupDescribe;
    type Response = crate::messages::share_group_describe_response::ShareGroupDescribeResponse;
}
