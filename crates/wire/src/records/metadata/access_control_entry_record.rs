//! AccessControlEntryRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccessControlEntryRecord {
    pub id: Uuid,
    pub resource_type: i8,
    pub resource_name: Str,
    pub pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}

impl Element for AccessControlEntryRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.id = r.get(v)?;
        s.resource_type = r.get(v)?;
        s.resource_name = r.get(v)?;
        s.pattern_type = r.get(v)?;
        s.principal = r.get(v)?;
        s.host = r.get(v)?;
        s.operation = r.get(v)?;
        s.permission_type = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.id, v)?;
        w.put(&self.resource_type, v)?;
        w.put(&self.resource_name, v)?;
        w.put(&self.pattern_type, v)?;
        w.put(&self.principal, v)?;
        w.put(&self.host, v)?;
        w.put(&self.operation, v)?;
        w.put(&self.permission_type, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AccessControlEntryRecord {
    const NAME: &'static str = "AccessControlEntryRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
