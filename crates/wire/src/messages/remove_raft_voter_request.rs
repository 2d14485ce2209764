//! RemoveRaftVoterRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct RemoveRaftVoterRequest {
    pub cluster_id: Option<Str>,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
}

impl Default for RemoveRaftVoterRequest {
    fn default() -> Self {
        Self { cluster_id: Some(Str::EMPTY), voter_id: 0, voter_directory_id: Uuid::ZERO }
    }
}

impl Element for RemoveRaftVoterRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        s.voter_id = r.get(v)?;
        s.voter_directory_id = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
        w.put(&self.voter_id, v)?;
        w.put(&self.voter_directory_id, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for RemoveRaftVoterRequest {
    const NAME: &'static str = "RemoveRaftVoterRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for RemoveRaftVoterRequest {
    const KEY: ApiKey = ApiKey::RemoveRaftVoter;
    type Response = crate::messages::remove_raft_voter_response::RemoveRaftVoterResponse;
}
