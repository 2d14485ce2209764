//! RegisterControllerRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegisterControllerRecord {
    pub controller_id: i32,
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub end_points: Vec<ControllerEndpoint>,
    pub features: Vec<ControllerFeature>,
}

impl Element for RegisterControllerRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.controller_id = r.get(v)?;
        s.incarnation_id = r.get(v)?;
        s.zk_migration_ready = r.get(v)?;
        s.end_points = r.get(v)?;
        s.features = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.controller_id, v)?;
        w.put(&self.incarnation_id, v)?;
        w.put(&self.zk_migration_ready, v)?;
        w.put(&self.end_points, v)?;
        w.put(&self.features, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControllerEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

impl Element for ControllerEndpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        s.security_protocol = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.put(&self.security_protocol, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControllerFeature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Element for ControllerFeature {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.min_supported_version = r.get(v)?;
        s.max_supported_version = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.min_supported_version, v)?;
        w.put(&self.max_supported_version, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for RegisterControllerRecord {
    const NAME: &'static str = "RegisterControllerRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
