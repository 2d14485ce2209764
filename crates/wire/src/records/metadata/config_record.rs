//! ConfigRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ConfigRecord {
    pub resource_type: i8,
    pub resource_name: Str,
    pub name: Str,
    pub value: Option<Str>,
}

impl Default for ConfigRecord {
    fn default() -> Self {
        Self { resource_type: 0, resource_name: Str::EMPTY, name: Str::EMPTY, value: Some(Str::EMPTY) }
    }
}

impl Element for ConfigRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.resource_type = r.get(v)?;
        s.resource_name = r.get(v)?;
        s.name = r.get(v)?;
        s.value = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.resource_type, v)?;
        w.put(&self.resource_name, v)?;
        w.put(&self.name, v)?;
        w.put(&self.value, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ConfigRecord {
    const NAME: &'static str = "ConfigRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
