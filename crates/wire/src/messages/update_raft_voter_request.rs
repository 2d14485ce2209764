//! UpdateRaftVoterRequest, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct UpdateRaftVoterRequest {
    pub cluster_id: Option<Str>,
    pub current_leader_epoch: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    pub k_raft_version_feature: KRaftVersionFeature,
}

impl Default for UpdateRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(Str::EMPTY),
            current_leader_epoch: 0,
            voter_id: 0,
            voter_directory_id: Uuid::ZERO,
            listeners: Vec::new(),
            k_raft_version_feature: KRaftVersionFeature::default(),
        }
    }
}

impl Element for UpdateRaftVoterRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.cluster_id = r.get(v)?;
        s.current_leader_epoch = r.get(v)?;
        s.voter_id = r.get(v)?;
        s.voter_directory_id = r.get(v)?;
        s.listeners = r.get(v)?;
        s.k_raft_version_feature = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.cluster_id, v)?;
        w.put(&self.current_leader_epoch, v)?;
        w.put(&self.voter_id, v)?;
        w.put(&self.voter_directory_id, v)?;
        w.put(&self.listeners, v)?;
        w.put(&self.k_raft_version_feature, v)?;
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Element for KRaftVersionFeature {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.min_supported_version = r.get(v)?;
        s.max_supported_version = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.min_supported_version, v)?;
        w.put(&self.max_supported_version, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for UpdateRaftVoterRequest {
    const NAME: &'static str = "UpdateRaftVoterRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for UpdateRaftVoterRequest {
    const KEY: ApiKey = ApiKey::UpdateRaftVoter;
    type Response = crate::messages::update_raft_voter_response::UpdateRaftVoterResponse;
}
