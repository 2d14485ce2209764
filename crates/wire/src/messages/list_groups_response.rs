//! ListGroupsResponse, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub groups: Vec<ListedGroup>,
}

impl Element for ListGroupsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.error_code = r.get(v)?;
        s.groups = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.error_code, v)?;
        w.put(&self.groups, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedGroup {
    pub group_id: Str,
    pub protocol_type: Str,
    pub group_state: Str,
    pub group_type: Str,
}

impl Element for ListedGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.protocol_type = r.get(v)?;
        if v >= 4 {
            s.group_state = r.get(v)?;
        }
        if v >= 5 {
            s.group_type = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.protocol_type, v)?;
        if v >= 4 {
            w.put(&self.group_state, v)?;
        }
        if v >= 5 {
            w.put(&self.group_type, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ListGroupsResponse {
    const NAME: &'static str = "ListGroupsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}
