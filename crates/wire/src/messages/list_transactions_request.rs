//! ListTransactionsRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ListTransactionsRequest {
    pub state_filters: Vec<Str>,
    pub producer_id_filters: Vec<i64>,
    pub duration_filter: i64,
    pub transactional_id_pattern: Option<Str>,
}

impl Default for ListTransactionsRequest {
    fn default() -> Self {
        Self {
            state_filters: Vec::new(),
            producer_id_filters: Vec::new(),
            duration_filter: -1,
            transactional_id_pattern: None,
        }
    }
}

impl Element for ListTransactionsRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.state_filters = r.get(v)?;
        s.producer_id_filters = r.get(v)?;
        if v >= 1 {
            s.duration_filter = r.get(v)?;
        }
        if v >= 2 {
            s.transactional_id_pattern = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.state_filters, v)?;
        w.put(&self.producer_id_filters, v)?;
        if v >= 1 {
            w.put(&self.duration_filter, v)?;
        } else {
            w.absent(self.duration_filter == -1, "duration_filter")?;
        }
        if v >= 2 {
            w.put(&self.transactional_id_pattern, v)?;
        } else {
            w.absent(self.transactional_id_pattern.is_none(), "transactional_id_pattern")?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ListTransactionsRequest {
    const NAME: &'static str = "ListTransactionsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ListTransactionsRequest {
    const KEY: ApiKey = ApiKey::ListTransactions;
    type Response = crate::messages::list_transactions_response::ListTransactionsResponse;
}
