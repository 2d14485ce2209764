//! BrokerRegistrationRequest, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Str,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub rack: Option<Str>,
    pub is_migrating_zk_broker: bool,
    pub log_dirs: Vec<Uuid>,
    pub previous_broker_epoch: i64,
}

impl Default for BrokerRegistrationRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            cluster_id: Str::EMPTY,
            incarnation_id: Uuid::ZERO,
            listeners: Vec::new(),
            features: Vec::new(),
            rack: Some(Str::EMPTY),
            is_migrating_zk_broker: false,
            log_dirs: Vec::new(),
            previous_broker_epoch: -1,
        }
    }
}

impl Element for BrokerRegistrationRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.cluster_id = r.get(v)?;
        s.incarnation_id = r.get(v)?;
        s.listeners = r.get(v)?;
        s.features = r.get(v)?;
        s.rack = r.get(v)?;
        if v >= 1 {
            s.is_migrating_zk_broker = r.get(v)?;
        }
        if v >= 2 {
            s.log_dirs = r.get(v)?;
        }
        if v >= 3 {
            s.previous_broker_epoch = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.cluster_id, v)?;
        w.put(&self.incarnation_id, v)?;
        w.put(&self.listeners, v)?;
        w.put(&self.features, v)?;
        w.put(&self.rack, v)?;
        if v >= 1 {
            w.put(&self.is_migrating_zk_broker, v)?;
        } else {
            w.absent(!self.is_migrating_zk_broker, "is_migrating_zk_broker")?;
        }
        if v >= 2 {
            w.put(&self.log_dirs, v)?;
        }
        if v >= 3 {
            w.put(&self.previous_broker_epoch, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

impl Element for Listener {
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
pub struct Feature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Element for Feature {
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

impl Message for BrokerRegistrationRequest {
    const NAME: &'static str = "BrokerRegistrationRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for BrokerRegistrationRequest {
    const KEY: ApiKey = ApiKey::BrokerRegistration;
    type Response = crate::messages::broker_registration_response::BrokerRegistrationResponse;
}
