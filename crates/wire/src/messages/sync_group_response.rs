//! SyncGroupResponse, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SyncGroupResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub protocol_type: Option<Str>,
    pub protocol_name: Option<Str>,
    pub assignment: Bytes,
}

impl Element for SyncGroupResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.throttle_time_ms = r.get(v)?;
        }
        s.error_code = r.get(v)?;
        if v >= 5 {
            s.protocol_type = r.get(v)?;
        }
        if v >= 5 {
            s.protocol_name = r.get(v)?;
        }
        s.assignment = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.throttle_time_ms, v)?;
        }
        w.put(&self.error_code, v)?;
        if v >= 5 {
            w.put(&self.protocol_type, v)?;
        }
        if v >= 5 {
            w.put(&self.protocol_name, v)?;
        }
        w.put(&self.assignment, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for SyncGroupResponse {
    const NAME: &'static str = "SyncGroupResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 4;
}
