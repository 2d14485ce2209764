//! AddRaftVoterRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct AddRaftVoterRequest {
    pub cluster_id: Option<Str>,
    pub timeout_ms: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    pub ack_when_committed: bool,
}

impl Default for AddRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(Str::EMPTY),
            timeout_ms: 0,
            voter_id: 0,
            voter_directory_id: Uuid::ZERO,
            listeners: Vec::new(),
            ack_when_committed: true,
        }
    }
}

impl Element for AddRaftVoterRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        s.timeout_ms = r.get(v)?;
        s.voter_id = r.get(v)?;
        s.voter_directory_id = r.get(v)?;
        s.listeners = r.get(v)?;
        if v >= 1 {
            s.ack_when_committed = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
        w.put(&self.timeout_ms, v)?;
        w.put(&self.voter_id, v)?;
        w.put(&self.voter_directory_id, v)?;
        w.put(&self.listeners, v)?;
        if v >= 1 {
            w.put(&self.ack_when_committed, v)?;
        } else {
            w.absent(self.ack_when_committed, "ack_when_committed")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Element for Listener {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AddRaftVoterRequest {
    const NAME: &'static str = "AddRaftVoterRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for AddRaftVoterRequest {
    const KEY: ApiKey = ApiKey::AddRaftVoter;
    type Response = crate::messages::add_raft_voter_response::AddRaftVoterResponse;
}
