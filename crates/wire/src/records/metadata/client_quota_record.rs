//! ClientQuotaRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientQuotaRecord {
    pub entity: Vec<EntityData>,
    pub key: Str,
    pub value: f64,
    pub remove: bool,
}

impl Element for ClientQuotaRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.entity = r.get(v)?;
        s.key = r.get(v)?;
        s.value = r.get(v)?;
        s.remove = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.entity, v)?;
        w.put(&self.key, v)?;
        w.put(&self.value, v)?;
        w.put(&self.remove, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntityData {
    pub entity_type: Str,
    pub entity_name: Option<Str>,
}

impl Default for EntityData {
    fn default() -> Self {
        Self { entity_type: Str::EMPTY, entity_name: Some(Str::EMPTY) }
    }
}

impl Element for EntityData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.entity_type = r.get(v)?;
        s.entity_name = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.entity_type, v)?;
        w.put(&self.entity_name, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ClientQuotaRecord {
    const NAME: &'static str = "ClientQuotaRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
