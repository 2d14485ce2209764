//! UserScramCredentialRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserScramCredentialRecord {
    pub name: Str,
    pub mechanism: i8,
    pub salt: Bytes,
    pub stored_key: Bytes,
    pub server_key: Bytes,
    pub iterations: i32,
}

impl Element for UserScramCredentialRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.mechanism = r.get(v)?;
        s.salt = r.get(v)?;
        s.stored_key = r.get(v)?;
        s.server_key = r.get(v)?;
        s.iterations = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.mechanism, v)?;
        w.put(&self.salt, v)?;
        w.put(&self.stored_key, v)?;
        w.put(&self.server_key, v)?;
        w.put(&self.iterations, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for UserScramCredentialRecord {
    const NAME: &'static str = "UserScramCredentialRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
