//! FindCoordinatorRequest, versions 0 to 6. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindCoordinatorRequest {
    pub key: Str,
    pub key_type: i8,
    pub coordinator_keys: Vec<Str>,
}

impl Element for FindCoordinatorRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 3 {
            s.key = r.get(v)?;
        }
        if v >= 1 {
            s.key_type = r.get(v)?;
        }
        if v >= 4 {
            s.coordinator_keys = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 3 {
            w.put(&self.key, v)?;
        } else {
            w.absent(self.key.is_empty(), "key")?;
        }
        if v >= 1 {
            w.put(&self.key_type, v)?;
        } else {
            w.absent(self.key_type == 0, "key_type")?;
        }
        if v >= 4 {
            w.put(&self.coordinator_keys, v)?;
        } else {
            w.absent(self.coordinator_keys.is_empty(), "coordinator_keys")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for FindCoordinatorRequest {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    type Response = crate::messages::find_coordinator_response::FindCoordinatorResponse;
}
