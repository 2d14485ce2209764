//! ElectLeadersResponse, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ElectLeadersResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub replica_election_results: Vec<ReplicaElectionResult>,
}

impl Element for ElectLeadersResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        if v >= 1 {
            s.error_code = r.get(v)?;
        }
        s.replica_election_results = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        if v >= 1 {
            w.put(&self.error_code, v)?;
        } else {
            w.absent(self.error_code == 0, "error_code")?;
        }
        w.put(&self.replica_election_results, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaElectionResult {
    pub topic: Str,
    pub partition_result: Vec<PartitionResult>,
}

impl Element for ReplicaElectionResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic = r.get(v)?;
        s.partition_result = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic, v)?;
        w.put(&self.partition_result, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionResult {
    pub partition_id: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for PartitionResult {
    fn default() -> Self {
        Self { partition_id: 0, error_code: 0, error_message: Some(Str::EMPTY) }
    }
}

impl Element for PartitionResult {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_id = r.get(v)?;
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_id, v)?;
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ElectLeadersResponse {
    const NAME: &'static str = "ElectLeadersResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 2;
}
