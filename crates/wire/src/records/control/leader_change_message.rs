//! LeaderChangeMessage, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderChangeMessage {
    pub version: i16,
    pub leader_id: i32,
    pub voters: Vec<Voter>,
    pub granting_voters: Vec<Voter>,
}

impl Element for LeaderChangeMessage {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.version = r.get(v)?;
        s.leader_id = r.get(v)?;
        s.voters = r.get(v)?;
        s.granting_voters = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.version, v)?;
        w.put(&self.leader_id, v)?;
        w.put(&self.voters, v)?;
        w.put(&self.granting_voters, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for LeaderChangeMessage {
    const NAME: &'static str = "LeaderChangeMessage";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Voter {
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
}

impl Element for Voter {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.voter_id = r.get(v)?;
        if v >= 1 {
            s.voter_directory_id = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.voter_id, v)?;
        if v >= 1 {
            w.put(&self.voter_directory_id, v)?;
        } else {
            w.absent(self.voter_directory_id.is_zero(), "voter_directory_id")?;
        }
        w.no_tags();
        Ok(())
    }
}
