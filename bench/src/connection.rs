//! One blocking socket to a broker: frames out, answers in, and the few answers that the rows look at.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use record::{Batch, split};
use wire::messages::create_topics_response::CreateTopicsResponse;
use wire::messages::fetch_response::{FetchResponse, PartitionData};
use wire::messages::incremental_alter_configs_response::IncrementalAlterConfigsResponse;
use wire::messages::produce_response::ProduceResponse;
use wire::messages::response_header::ResponseHeader;
use wire::{ErrorCode, Message, Reader, Records};

use crate::Result;
use crate::frames::{self, CREATE_TOPICS_VERSION, FETCH_VERSION, INCREMENTAL_ALTER_CONFIGS_VERSION, PRODUCE_VERSION};

/// No broker has a reason to answer with more than was asked for.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Long enough for a disk that others keep busy; a server that hangs must end the run all the same.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    /// Used again for every answer: fresh pages would cost more than reading does.
    answer: Vec<u8>,
}

/// What a Fetch brought.
#[derive(Debug)]
pub struct Fetched {
    pub records: u64,
    pub next_offset: i64,
    pub high_watermark: i64,
}

impl Connection {
    pub fn open(bootstrap: &str) -> Result<Self> {
        let socket = TcpStream::connect(bootstrap).map_err(|e| format!("cannot connect to {bootstrap}: {e}"))?;
        let set = socket.set_nodelay(true).and_then(|()| socket.set_read_timeout(Some(PATIENCE)));
        set.map_err(|e| format!("cannot set up the socket to {bootstrap}: {e}"))?;
        Ok(Self { socket, answer: Vec::new() })
    }

    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.socket.write_all(frame).map_err(|e| format!("the broker does not take requests: {e}"))
    }

    /// The next answer, without its length. Hand it back with [`Connection::give_back`].
    fn receive(&mut self) -> Result<Bytes> {
        let mut length = [0; 4];
        let silent = |e| format!("the broker does not answer: {e}");
        self.socket.read_exact(&mut length).map_err(silent)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(format!("the broker announces an answer of {length} bytes"));
        }
        let mut answer = std::mem::take(&mut self.answer);
        answer.resize(length, 0);
        self.socket.read_exact(&mut answer).map_err(silent)?;
        Ok(Bytes::from(answer))
    }

    /// Keeps the answer's memory for the next one, if nobody else holds it.
    fn give_back(&mut self, answer: Bytes) {
        if let Ok(memory) = answer.try_into_mut() {
            self.answer = memory.into();
        }
    }

    /// Takes the answer to a Produce; an error code of the broker ends the run.
    pub fn acknowledged(&mut self) -> Result<()> {
        let answer = self.receive()?;
        let response: ProduceResponse = decode(answer.clone(), PRODUCE_VERSION, 1)?;
        let codes = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        let codes: Vec<i16> = codes.map(|partition| partition.error_code).collect();
        drop(response);
        self.give_back(answer);
        if codes.is_empty() {
            return Err("the answer to a produce names no partition".to_owned());
        }
        codes.into_iter().try_for_each(|code| refused("produce", code))
    }

    /// Takes the answer to a Fetch of one partition: counts its records by their batch headers, and shows each batch to
    /// `see`. `None` when it brought no batch.
    pub fn fetched(&mut self, mut see: impl FnMut(&Batch) -> Result<()>) -> Result<Option<Fetched>> {
        let answer = self.receive()?;
        let mut response: FetchResponse = decode(answer.clone(), FETCH_VERSION, 1)?;
        refused("fetch", response.error_code)?;
        let partition = response.responses.pop().and_then(|mut topic| topic.partitions.pop());
        let fetched = partition.map(|partition| count(partition, &mut see)).transpose()?.flatten();
        drop(response);
        self.give_back(answer);
        Ok(fetched)
    }

    /// Creates a topic.
    pub fn create_topic(&mut self, topic: &str, partitions: i32) -> Result<()> {
        self.create_topic_with(topic, partitions, &[])
    }

    /// Creates a topic with settings of its own.
    pub fn create_topic_with(&mut self, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<()> {
        self.send(&frames::create_topic(topic, partitions, configs)?)?;
        let response: CreateTopicsResponse = decode(self.receive()?, CREATE_TOPICS_VERSION, 1)?;
        response.topics.iter().try_for_each(|topic| refused("create topic", topic.error_code))
    }

    /// Sets configs of a topic.
    pub fn alter_topic(&mut self, topic: &str, configs: &[(&str, &str)]) -> Result<()> {
        self.send(&frames::alter_topic(topic, configs)?)?;
        let response: IncrementalAlterConfigsResponse = decode(self.receive()?, INCREMENTAL_ALTER_CONFIGS_VERSION, 1)?;
        response.responses.iter().try_for_each(|resource| refused("alter topic", resource.error_code))
    }

    /// Waits until a topic takes records, by a first one on each partition: Kafka creates it a moment after it has said so.
    pub fn until_writable(&mut self, topic: &str, partitions: i32) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for partition in 0..partitions {
            let frame = frames::produce(topic, partition, frames::batch(1, 1))?;
            loop {
                self.send(&frame)?;
                match self.acknowledged() {
                    Ok(()) => break,
                    Err(why) if Instant::now() > deadline => return Err(why),
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        }
        Ok(())
    }

    /// Deletes a topic, so that rows do not fill the disk.
    pub fn delete_topic(&mut self, topic: &str) -> Result<()> {
        self.send(&frames::delete_topic(topic)?)?;
        self.receive().map(drop)
    }
}

fn decode<M: Message>(answer: Bytes, version: i16, header_version: i16) -> Result<M> {
    let mut r = Reader::new(answer);
    ResponseHeader::decode(&mut r, header_version)
        .and_then(|_| M::decode(&mut r, version))
        .map_err(|e| format!("{}: {e}", M::NAME))
}

fn refused(what: &str, code: i16) -> Result<()> {
    ErrorCode::check(code).map_err(|error| format!("{what}: the broker answers {error:?}"))
}

fn count(partition: PartitionData, see: &mut impl FnMut(&Batch) -> Result<()>) -> Result<Option<Fetched>> {
    refused("fetch", partition.error_code)?;
    let high_watermark = partition.high_watermark;
    let Records::Bytes(bytes) = partition.records else { return Ok(None) };
    let mut fetched = None;
    let mut records = 0;
    // A batch that was cut at the answer's end is an error of `split`, and its last item.
    for batch in split(bytes).map_while(std::result::Result::ok) {
        see(&batch)?;
        records += batch.header.records_count.max(0) as u64;
        fetched = Some(Fetched { records, next_offset: batch.header.next_offset().0, high_watermark });
    }
    Ok(fetched)
}
