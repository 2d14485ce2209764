//! UpdateFeaturesRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesRequest {
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    pub validate_only: bool,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self { timeout_ms: 60000, feature_updates: Vec::new(), validate_only: false }
    }
}

impl Element for UpdateFeaturesRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.timeout_ms = r.get(v)?;
        s.feature_updates = r.get(v)?;
        if v >= 1 {
            s.validate_only = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.timeout_ms, v)?;
        w.put(&self.feature_updates, v)?;
        if v >= 1 {
            w.put(&self.validate_only, v)?;
        } else {
            w.absent(!self.validate_only, "validate_only")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct FeatureUpdateKey {
    pub feature: Str,
    pub max_version_level: i16,
    pub allow_downgrade: bool,
    pub upgrade_type: i8,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self { feature: Str::EMPTY, max_version_level: 0, allow_downgrade: false, upgrade_type: 1 }
    }
}

impl Element for FeatureUpdateKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.feature = r.get(v)?;
        s.max_version_level = r.get(v)?;
        if v <= 0 {
            s.allow_downgrade = r.get(v)?;
        }
        if v >= 1 {
            s.upgrade_type = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.feature, v)?;
        w.put(&self.max_version_level, v)?;
        if v <= 0 {
            w.put(&self.allow_downgrade, v)?;
        } else {
            w.absent(!self.allow_downgrade, "allow_downgrade")?;
        }
        if v >= 1 {
            w.put(&self.upgrade_type, v)?;
        } else {
            w.absent(self.upgrade_type == 1, "upgrade_type")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for UpdateFeaturesRequest {
    const KEY: ApiKey = ApiKey::UpdateFeatures;
    type Response = crate::messages::update_features_response::UpdateFeaturesResponse;
}
