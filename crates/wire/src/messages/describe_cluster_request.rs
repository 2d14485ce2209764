//! DescribeClusterRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    pub endpoint_type: i8,
    pub include_fenced_brokers: bool,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        Self { include_cluster_authorized_operations: false, endpoint_type: 1, include_fenced_brokers: false }
    }
}

impl Element for DescribeClusterRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.include_cluster_authorized_operations = r.get(v)?;
        if v >= 1 {
            s.endpoint_type = r.get(v)?;
        }
        if v >= 2 {
            s.include_fenced_brokers = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.include_cluster_authorized_operations, v)?;
        if v >= 1 {
            w.put(&self.endpoint_type, v)?;
        } else {
            w.absent(self.endpoint_type == 1, "endpoint_type")?;
        }
        if v >= 2 {
            w.put(&self.include_fenced_brokers, v)?;
        } else {
            w.absent(!self.include_fenced_brokers, "include_fenced_brokers")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for DescribeClusterRequest {
    const NAME: &'static str = "DescribeClusterRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for DescribeClusterRequest {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    type Response = crate::messages::describe_cluster_response::DescribeClusterResponse;
}
