//! GroupMetadataValue, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct GroupMetadataValue {
    pub protocol_type: Str,
    pub generation: i32,
    pub protocol: Option<Str>,
    pub leader: Option<Str>,
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
}

impl Default for GroupMetadataValue {
    fn default() -> Self {
        Self {
            protocol_type: Str::EMPTY,
            generation: 0,
            protocol: Some(Str::EMPTY),
            leader: Some(Str::EMPTY),
            current_state_timestamp: -1,
            members: Vec::new(),
        }
    }
}

impl Element for GroupMetadataValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.protocol_type = r.get(v)?;
        s.generation = r.get(v)?;
        s.protocol = r.get(v)?;
        s.leader = r.get(v)?;
        if v >= 2 {
            s.current_state_timestamp = r.get(v)?;
        }
        s.members = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.protocol_type, v)?;
        w.put(&self.generation, v)?;
        w.put(&self.protocol, v)?;
        w.put(&self.leader, v)?;
        if v >= 2 {
            w.put(&self.current_state_timestamp, v)?;
        }
        w.put(&self.members, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for GroupMetadataValue {
    const NAME: &'static str = "GroupMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 4;
}

impl CoordinatorValue for GroupMetadataValue {
    const TYPE: i16 = 2;
}

#[derive(Debug, Clone, PartialEq)]
pub struct MemberMetadata {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}

impl Default for MemberMetadata {
    fn default() -> Self {
        Self {
            member_id: Str::EMPTY,
            group_instance_id: None,
            client_id: Str::EMPTY,
            client_host: Str::EMPTY,
            rebalance_timeout: -1,
            session_timeout: 0,
            subscription: Bytes::new(),
            assignment: Bytes::new(),
        }
    }
}

impl Element for MemberMetadata {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        if v >= 3 {
            s.group_instance_id = r.get(v)?;
        }
        s.client_id = r.get(v)?;
        s.client_host = r.get(v)?;
        if v >= 1 {
            s.rebalance_timeout = r.get(v)?;
        }
        s.session_timeout = r.get(v)?;
        s.subscription = r.get(v)?;
        s.assignment = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        if v >= 3 {
            w.put(&self.group_instance_id, v)?;
        }
        w.put(&self.client_id, v)?;
        w.put(&self.client_host, v)?;
        if v >= 1 {
            w.put(&self.rebalance_timeout, v)?;
        }
        w.put(&self.session_timeout, v)?;
        w.put(&self.subscription, v)?;
        w.put(&self.assignment, v)?;
        w.no_tags();
        Ok(())
    }
}
