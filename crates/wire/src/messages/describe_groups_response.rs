//! DescribeGroupsResponse, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeGroupsResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

impl Element for DescribeGroupsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.groups = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.groups, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub protocol_type: Str,
    pub protocol_data: Str,
    pub members: Vec<DescribedGroupMember>,
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Str::EMPTY,
            group_state: Str::EMPTY,
            protocol_type: Str::EMPTY,
            protocol_data: Str::EMPTY,
            members: Vec::new(),
            authorized_operations: -2147483648,
        }
    }
}

impl Element for DescribedGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        if v >= 6 {
            s.error_message = r.get(v)?;
        }
        s.group_id = r.get(v)?;
        s.group_state = r.get(v)?;
        s.protocol_type = r.get(v)?;
        s.protocol_data = r.get(v)?;
        s.members = r.get(v)?;
        if v >= 3 {
            s.authorized_operations = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        if v >= 6 {
            w.put(&self.error_message, v)?;
        } else {
            w.absent(self.error_message.is_none(), "error_message")?;
        }
        w.put(&self.group_id, v)?;
        w.put(&self.group_state, v)?;
        w.put(&self.protocol_type, v)?;
        w.put(&self.protocol_data, v)?;
        w.put(&self.members, v)?;
        if v >= 3 {
            w.put(&self.authorized_operations, v)?;
        } else {
            w.absent(self.authorized_operations == -2147483648, "authorized_operations")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribedGroupMember {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
}

impl Element for DescribedGroupMember {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        if v >= 4 {
            s.group_instance_id = r.get(v)?;
        }
        s.client_id = r.get(v)?;
        s.client_host = r.get(v)?;
        s.member_metadata = r.get(v)?;
        s.member_assignment = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        if v >= 4 {
            w.put(&self.group_instance_id, v)?;
        }
        w.put(&self.client_id, v)?;
        w.put(&self.client_host, v)?;
        w.put(&self.member_metadata, v)?;
        w.put(&self.member_assignment, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeGroupsResponse {
    const NAME: &'static str = "DescribeGroupsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 5;
}
