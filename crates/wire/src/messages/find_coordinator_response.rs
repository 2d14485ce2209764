//! FindCoordinatorResponse, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct FindCoordinatorResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub coordinators: Vec<Coordinator>,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::EMPTY),
            node_id: 0,
            host: Str::EMPTY,
            port: 0,
            coordinators: Vec::new(),
        }
    }
}

impl Element for FindCoordinatorResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.throttle_time_ms = r.get(v)?;
        }
        if v <= 3 {
            s.error_code = r.get(v)?;
        }
        if (1..=3).contains(&v) {
            s.error_message = r.get(v)?;
        }
        if v <= 3 {
            s.node_id = r.get(v)?;
        }
        if v <= 3 {
            s.host = r.get(v)?;
        }
        if v <= 3 {
            s.port = r.get(v)?;
        }
        if v >= 4 {
            s.coordinators = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.throttle_time_ms, v)?;
        }
        if v <= 3 {
            w.put(&self.error_code, v)?;
        } else {
            w.absent(self.error_code == 0, "error_code")?;
        }
        if (1..=3).contains(&v) {
            w.put(&self.error_message, v)?;
        }
        if v <= 3 {
            w.put(&self.node_id, v)?;
        } else {
            w.absent(self.node_id == 0, "node_id")?;
        }
        if v <= 3 {
            w.put(&self.host, v)?;
        } else {
            w.absent(self.host.is_empty(), "host")?;
        }
        if v <= 3 {
            w.put(&self.port, v)?;
        } else {
            w.absent(self.port == 0, "port")?;
        }
        if v >= 4 {
            w.put(&self.coordinators, v)?;
        } else {
            w.absent(self.coordinators.is_empty(), "coordinators")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Coordinator {
    pub key: Str,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self { key: Str::EMPTY, node_id: 0, host: Str::EMPTY, port: 0, error_code: 0, error_message: Some(Str::EMPTY) }
    }
}

impl Element for Coordinator {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.key = r.get(v)?;
        s.node_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.key, v)?;
        w.put(&self.node_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 3;
}
