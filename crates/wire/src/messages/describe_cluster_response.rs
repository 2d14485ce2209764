//! DescribeClusterResponse, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub endpoint_type: i8,
    pub cluster_id: Str,
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    pub cluster_authorized_operations: i32,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            endpoint_type: 1,
            cluster_id: Str::EMPTY,
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: -2147483648,
        }
    }
}

impl Element for DescribeClusterResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        if v >= 1 {
            s.endpoint_type = r.get(v)?;
        }
        s.cluster_id = r.get(v)?;
        s.controller_id = r.get(v)?;
        s.brokers = r.get(v)?;
        s.cluster_authorized_operations = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        if v >= 1 {
            w.put(&self.endpoint_type, v)?;
        } else {
            w.absent(self.endpoint_type == 1, "endpoint_type")?;
        }
        w.put(&self.cluster_id, v)?;
        w.put(&self.controller_id, v)?;
        w.put(&self.brokers, v)?;
        w.put(&self.cluster_authorized_operations, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    pub is_fenced: bool,
}

impl Element for DescribeClusterBroker {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        s.rack = r.get(v)?;
        if v >= 2 {
            s.is_fenced = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.put(&self.rack, v)?;
        if v >= 2 {
            w.put(&self.is_fenced, v)?;
        } else {
            w.absent(!self.is_fenced, "is_fenced")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeClusterResponse {
    const NAME: &'static str = "DescribeClusterResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}
