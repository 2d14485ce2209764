//! DelegationTokenRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DelegationTokenRecord {
    pub owner: Str,
    pub requester: Str,
    pub renewers: Vec<Str>,
    pub issue_timestamp: i64,
    pub max_timestamp: i64,
    pub expiration_timestamp: i64,
    pub token_id: Str,
}

impl Element for DelegationTokenRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.owner = r.get(v)?;
        s.requester = r.get(v)?;
        s.renewers = r.get(v)?;
        s.issue_timestamp = r.get(v)?;
        s.max_timestamp = r.get(v)?;
        s.expiration_timestamp = r.get(v)?;
        s.token_id = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.owner, v)?;
        w.put(&self.requester, v)?;
        w.put(&self.renewers, v)?;
        w.put(&self.issue_timestamp, v)?;
        w.put(&self.max_timestamp, v)?;
        w.put(&self.expiration_timestamp, v)?;
        w.put(&self.token_id, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DelegationTokenRecord {
    const NAME: &'static str = "DelegationTokenRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
