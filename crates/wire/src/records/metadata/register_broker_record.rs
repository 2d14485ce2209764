//! RegisterBrokerRecord, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct RegisterBrokerRecord {
    pub broker_id: i32,
    pub is_migrating_zk_broker: bool,
    pub incarnation_id: Uuid,
    pub broker_epoch: i64,
    pub end_points: Vec<BrokerEndpoint>,
    pub features: Vec<BrokerFeature>,
    pub rack: Option<Str>,
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    pub log_dirs: Vec<Uuid>,
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

impl Default for RegisterBrokerRecord {
    fn default() -> Self {
        Self {
            broker_id: 0,
            is_migrating_zk_broker: false,
            incarnation_id: Uuid::ZERO,
            broker_epoch: 0,
            end_points: Vec::new(),
            features: Vec::new(),
            rack: Some(Str::EMPTY),
            fenced: true,
            in_controlled_shutdown: false,
            log_dirs: Vec::new(),
            cordoned_log_dirs: None,
        }
    }
}

impl Element for RegisterBrokerRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        if v >= 2 {
            s.is_migrating_zk_broker = r.get(v)?;
        }
        s.incarnation_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        s.end_points = r.get(v)?;
        s.features = r.get(v)?;
        s.rack = r.get(v)?;
        s.fenced = r.get(v)?;
        if v >= 1 {
            s.in_controlled_shutdown = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 3 => s.log_dirs = r.get(v)?,
                1 if v >= 4 => s.cordoned_log_dirs = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        if v >= 2 {
            w.put(&self.is_migrating_zk_broker, v)?;
        } else {
            w.absent(!self.is_migrating_zk_broker, "is_migrating_zk_broker")?;
        }
        w.put(&self.incarnation_id, v)?;
        w.put(&self.broker_epoch, v)?;
        w.put(&self.end_points, v)?;
        w.put(&self.features, v)?;
        w.put(&self.rack, v)?;
        w.put(&self.fenced, v)?;
        if v >= 1 {
            w.put(&self.in_controlled_shutdown, v)?;
        } else {
            w.absent(!self.in_controlled_shutdown, "in_controlled_shutdown")?;
        }
        let tags = w.tags();
        if v >= 3 {
            tags.put(w, 0, self.log_dirs.is_empty(), |w| w.put(&self.log_dirs, v))?;
        } else {
            w.absent(self.log_dirs.is_empty(), "log_dirs")?;
        }
        if v >= 4 {
            tags.put(w, 1, self.cordoned_log_dirs.is_none(), |w| w.put(&self.cordoned_log_dirs, v))?;
        } else {
            w.absent(self.cordoned_log_dirs.is_none(), "cordoned_log_dirs")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

impl Element for BrokerEndpoint {
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
pub struct BrokerFeature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Element for BrokerFeature {
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

impl Message for RegisterBrokerRecord {
    const NAME: &'static str = "RegisterBrokerRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 0;
}
