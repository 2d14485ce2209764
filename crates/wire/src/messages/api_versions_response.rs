//! ApiVersionsResponse, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ApiVersionsResponse {
    pub error_code: i16,
    pub api_keys: Vec<ApiVersion>,
    pub throttle_time_ms: i32,
    pub supported_features: Vec<SupportedFeatureKey>,
    pub finalized_features_epoch: i64,
    pub finalized_features: Vec<FinalizedFeatureKey>,
    pub zk_migration_ready: bool,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        }
    }
}

impl Element for ApiVersionsResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.api_keys = r.get(v)?;
        if v >= 1 {
            s.throttle_time_ms = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 3 => s.supported_features = r.get(v)?,
                1 if v >= 3 => s.finalized_features_epoch = r.get(v)?,
                2 if v >= 3 => s.finalized_features = r.get(v)?,
                3 if v >= 3 => s.zk_migration_ready = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.api_keys, v)?;
        if v >= 1 {
            w.put(&self.throttle_time_ms, v)?;
        }
        let tags = w.tags();
        if v >= 3 {
            tags.put(w, 0, self.supported_features.is_empty(), |w| w.put(&self.supported_features, v))?;
        }
        if v >= 3 {
            tags.put(w, 1, self.finalized_features_epoch == -1, |w| w.put(&self.finalized_features_epoch, v))?;
        }
        if v >= 3 {
            tags.put(w, 2, self.finalized_features.is_empty(), |w| w.put(&self.finalized_features, v))?;
        }
        if v >= 3 {
            tags.put(w, 3, !self.zk_migration_ready, |w| w.put(&self.zk_migration_ready, v))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
}

impl Element for ApiVersion {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.api_key = r.get(v)?;
        s.min_version = r.get(v)?;
        s.max_version = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.api_key, v)?;
        w.put(&self.min_version, v)?;
        w.put(&self.max_version, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SupportedFeatureKey {
    pub name: Str,
    pub min_version: i16,
    pub max_version: i16,
}

impl Element for SupportedFeatureKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.min_version = r.get(v)?;
        s.max_version = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.min_version, v)?;
        w.put(&self.max_version, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FinalizedFeatureKey {
    pub name: Str,
    pub max_version_level: i16,
    pub min_version_level: i16,
}

impl Element for FinalizedFeatureKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.max_version_level = r.get(v)?;
        s.min_version_level = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.max_version_level, v)?;
        w.put(&self.min_version_level, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 3;
}
