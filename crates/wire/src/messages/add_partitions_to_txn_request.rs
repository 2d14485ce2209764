//! AddPartitionsToTxnRequest, versions 0 to 5. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnRequest {
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    pub v3_and_below_transactional_id: Str,
    pub v3_and_below_producer_id: i64,
    pub v3_and_below_producer_epoch: i16,
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
}

impl Element for AddPartitionsToTxnRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 4 {
            s.transactions = r.get(v)?;
        }
        if v <= 3 {
            s.v3_and_below_transactional_id = r.get(v)?;
        }
        if v <= 3 {
            s.v3_and_below_producer_id = r.get(v)?;
        }
        if v <= 3 {
            s.v3_and_below_producer_epoch = r.get(v)?;
        }
        if v <= 3 {
            s.v3_and_below_topics = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 4 {
            w.put(&self.transactions, v)?;
        } else {
            w.absent(self.transactions.is_empty(), "transactions")?;
        }
        if v <= 3 {
            w.put(&self.v3_and_below_transactional_id, v)?;
        } else {
            w.absent(self.v3_and_below_transactional_id.is_empty(), "v3_and_below_transactional_id")?;
        }
        if v <= 3 {
            w.put(&self.v3_and_below_producer_id, v)?;
        } else {
            w.absent(self.v3_and_below_producer_id == 0, "v3_and_below_producer_id")?;
        }
        if v <= 3 {
            w.put(&self.v3_and_below_producer_epoch, v)?;
        } else {
            w.absent(self.v3_and_below_producer_epoch == 0, "v3_and_below_producer_epoch")?;
        }
        if v <= 3 {
            w.put(&self.v3_and_below_topics, v)?;
        } else {
            w.absent(self.v3_and_below_topics.is_empty(), "v3_and_below_topics")?;
        }
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
}

impl Element for AddPartitionsToTxnTransaction {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.producer_id = r.get(v)?;
        s.producer_epoch = r.get(v)?;
        s.verify_only = r.get(v)?;
        s.topics = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.producer_id, v)?;
        w.put(&self.producer_epoch, v)?;
        w.put(&self.verify_only, v)?;
        w.put(&self.topics, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for AddPartitionsToTxnRequest {
    const NAME: &'static str = "AddPartitionsToTxnRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FLEXIBLE_FROM: i16 = 3;
}

impl Request for AddPartitionsToTxnRequest {
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    type Response = crate::messages::add_partitions_to_txn_response::AddPartitionsToTxnResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
}

impl Element for AddPartitionsToTxnTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.name = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.name, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}
