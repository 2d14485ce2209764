//! VotersRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct VotersRecord {
    pub version: i16,
    pub voters: Vec<Voter>,
}

impl Element for VotersRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.version = r.get(v)?;
        s.voters = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.version, v)?;
        w.put(&self.voters, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Voter {
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub k_raft_version_feature: KRaftVersionFeature,
}

impl Element for Voter {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.voter_id = r.get(v)?;
        s.voter_directory_id = r.get(v)?;
        s.endpoints = r.get(v)?;
        s.k_raft_version_feature = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.voter_id, v)?;
        w.put(&self.voter_directory_id, v)?;
        w.put(&self.endpoints, v)?;
        w.put(&self.k_raft_version_feature, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Element for Endpoint {
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

impl Message for VotersRecord {
    const NAME: &'static str = "VotersRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
