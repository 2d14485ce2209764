//! LeaveGroupRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub members: Vec<MemberIdentity>,
}

impl Element for LeaveGroupRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        if v <= 2 {
            s.member_id = r.get(v)?;
        }
        if v >= 3 {
            s.members = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        if v <= 2 {
            w.put(&self.member_id, v)?;
        } else {
            w.absent(self.member_id.is_empty(), "member_id")?;
        }
        if v >= 3 {
            w.put(&self.members, v)?;
        } else {
            w.absent(self.members.is_empty(), "members")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemberIdentity {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub reason: Option<Str>,
}

impl Element for MemberIdentity {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        s.group_instance_id = r.get(v)?;
        if v >= 5 {
            s.reason = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        w.put(&self.group_instance_id, v)?;
        if v >= 5 {
            w.put(&self.reason, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 4;
}

impl Request for LeaveGroupRequest {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    type Response = crate::messages::leave_group_response::LeaveGroupResponse;
}
