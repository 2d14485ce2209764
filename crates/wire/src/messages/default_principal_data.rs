//! DefaultPrincipalData, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DefaultPrincipalData {
    pub type_: Str,
    pub name: Str,
    pub token_authenticated: bool,
}

impl Element for DefaultPrincipalData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.type_ = r.get(v)?;
        s.name = r.get(v)?;
        s.token_authenticated = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.type_, v)?;
        w.put(&self.name, v)?;
        w.put(&self.token_authenticated, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for DefaultPrincipalData {
    const NAME: &'static str = "DefaultPrincipalData";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
