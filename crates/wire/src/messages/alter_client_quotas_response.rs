//! AlterClientQuotasResponse, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<EntryData>,
}

impl Element for AlterClientQuotasResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.entries = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.entries, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntryData {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub entity: Vec<EntityData>,
}

impl Default for EntryData {
    fn default() -> Self {
        Self { error_code: 0, error_message: Some(Str::EMPTY), entity: Vec::new() }
    }
}

impl Element for EntryData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.entity = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.entity, v)?;
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

impl Message for AlterClientQuotasResponse {
    const NAME: &'static str = "AlterClientQuotasResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 1;
}
