//! [`Client`]: who leads what, and a connection to whoever it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use record::LeaderEpoch;
use tokio::time::Instant;
use wire::messages::find_coordinator_request::FindCoordinatorRequest;
use wire::messages::find_coordinator_response::Coordinator;
use wire::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use wire::messages::metadata_response::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use wire::{ApiKey, ErrorCode, Request, Str, Uuid};

use crate::address::Address;
use crate::{ClientError, Connection, Unreachable};

/// The newest Metadata that we use.
const METADATA_VERSION_MAX: i16 = 13;
/// How long to wait between two tries of what a broker said "not now" to.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `host:port`, one or more with commas between; port 9092 if none is given.
    pub bootstrap: String,
    /// What the brokers' logs and quotas call us.
    pub client_id: String,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// How long an answer may take, and how long something is tried again before we give up.
    pub request_timeout: Duration,
}

impl ClientOptions {
    /// Kafka's own waits: 10 s for a connection, 30 s for an answer.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            client_id: "millstream".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All of them, also those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions, and those outside of any.
    ReadCommitted,
}

impl Isolation {
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// One broker, as the cluster advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub id: i32,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// The cluster as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The node that administration goes to.
    pub controller: Option<i32>,
    /// The brokers by node id.
    pub brokers: Vec<Broker>,
    /// The address at which we learned this.
    pub learned_from: String,
}

/// A topic and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; zero from brokers that have none.
    pub id: Uuid,
    /// Whether the brokers keep it for themselves.
    pub internal: bool,
    /// The partitions by index.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its index in the topic.
    pub index: i32,
    /// The node that leads it, if one does.
    pub leader: Option<i32>,
    /// The epoch of that leader.
    pub leader_epoch: LeaderEpoch,
    /// The nodes that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
    /// Those of them that are down.
    pub offline: Vec<i32>,
}

/// A cluster to talk to. Cloning shares its connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    options: ClientOptions,
    bootstrap: Vec<Address>,
    view: Mutex<View>,
    links: Mutex<HashMap<i32, Arc<Connection>>>,
    /// Addresses where a broker has answered.
    reached: Mutex<HashSet<String>>,
}

/// What we know of the cluster.
#[derive(Default)]
struct View {
    brokers: BTreeMap<i32, (Address, Option<String>)>,
    controller: Option<i32>,
    cluster_id: Option<String>,
    learned_from: String,
    topics: HashMap<String, Arc<TopicDescription>>,
}

/// Stands for "whichever broker we reached first".
const BOOTSTRAP: i32 = -1;

impl Client {
    /// Connects to the first bootstrap address that answers and learns the cluster's brokers from it.
    pub async fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let texts = options.bootstrap.split(',').filter(|text| !text.trim().is_empty());
        let bootstrap = texts.map(Address::parse).collect::<Result<Vec<_>, _>>()?;
        if bootstrap.is_empty() {
            return Err(ClientError::InvalidAddress(options.bootstrap));
        }
        let shared =
            Shared { options, bootstrap, view: Mutex::default(), links: Mutex::default(), reached: Mutex::default() };
        let client = Self { shared: Arc::new(shared) };
        client.refresh(Some(&[]), false).await?;
        Ok(client)
    }

    /// How this client was told to behave.
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// The brokers, the controller and the cluster's id, asked for anew.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        self.refresh(Some(&[]), false).await?;
        let view = self.shared.view.lock();
        let brokers = view.brokers.iter().map(|(id, (address, rack))| Broker {
            id: *id,
            host: address.host.clone(),
            port: address.port,
            rack: rack.clone(),
        });
        Ok(ClusterDescription {
            cluster_id: view.cluster_id.clone(),
            controller: view.controller,
            brokers: brokers.collect(),
            learned_from: view.learned_from.clone(),
        })
    }

    /// All topics, internal ones too, by name.
    pub async fn topics(&self) -> Result<Vec<TopicDescription>, ClientError> {
        let mut topics = Vec::new();
        for (name, topic) in self.refresh(None, false).await? {
            match topic {
                Ok(topic) => topics.push(topic.as_ref().clone()),
                // One that is being made or deleted is not there yet, or not any more.
                Err(ErrorCode::UnknownTopicOrPartition | ErrorCode::LeaderNotAvailable) => {}
                Err(error) => return Err(ClientError::refused(format!("topic {name}"), error, None)),
            }
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic. Never creates it.
    pub async fn topic(&self, name: &str) -> Result<TopicDescription, ClientError> {
        self.find_topic(name, false).await.map(|topic| topic.as_ref().clone())
    }

    /// A connection of its own to the broker at `node`, or to any broker: for those who speak the protocol themselves.
    pub async fn open_connection(&self, node: Option<i32>) -> Result<Connection, ClientError> {
        match node {
            Some(node) => self.open(node).await,
            None => self.open_any().await,
        }
    }

    /// The topic, from what we know or by asking until the broker says more than "not now".
    pub(crate) async fn find_topic(&self, name: &str, create: bool) -> Result<Arc<TopicDescription>, ClientError> {
        let names = [name.to_owned()];
        self.retry(&format!("topic {name}"), || async {
            let mut found = self.refresh(Some(&names), create).await?;
            match found.pop() {
                Some((_, Ok(topic))) => Ok(topic),
                // A topic that nobody is about to make will not come.
                Some((_, Err(ErrorCode::UnknownTopicOrPartition))) if !create => {
                    Err(Patience::End.of(name, ErrorCode::UnknownTopicOrPartition))
                }
                Some((_, Err(error))) => Err(Patience::of_code(error).of(name, error)),
                None => Err(Patience::End.of(name, ErrorCode::UnknownTopicOrPartition)),
            }
        })
        .await
    }

    /// The topic as we know it, without asking.
    pub(crate) fn known_topic(&self, name: &str) -> Option<Arc<TopicDescription>> {
        self.shared.view.lock().topics.get(name).cloned()
    }

    /// The leader of a partition, asked for if we do not know it.
    pub(crate) async fn leader(&self, topic: &str, partition: i32) -> Result<i32, ClientError> {
        let leader_in = |topic: &TopicDescription| {
            topic.partitions.iter().find(|known| known.index == partition).map(|known| known.leader)
        };
        if let Some(Some(leader)) = self.known_topic(topic).as_deref().and_then(leader_in) {
            return Ok(leader);
        }
        let what = format!("{topic}-{partition}");
        self.retry(&format!("the leader of {what}"), || async {
            let found = self.find_topic(topic, false).await.map_err(Attempt::end)?;
            match leader_in(&found) {
                Some(Some(leader)) => Ok(leader),
                Some(None) => Err(Patience::Wait.of(&what, ErrorCode::LeaderNotAvailable)),
                None => Err(Patience::End.of(&what, ErrorCode::UnknownTopicOrPartition)),
            }
        })
        .await
    }

    /// Forgets who leads the topic's partitions.
    pub(crate) fn forget(&self, topic: &str) {
        self.shared.view.lock().topics.remove(topic);
    }

    /// The connection to a broker that everything uses whose answer does not wait for something to happen.
    pub(crate) async fn link(&self, node: i32) -> Result<Arc<Connection>, ClientError> {
        let known = self.shared.links.lock().get(&node).cloned();
        if let Some(link) = known.filter(|link| link.is_open()) {
            return Ok(link);
        }
        let opened = Arc::new(if node == BOOTSTRAP { self.open_any().await? } else { self.open(node).await? });
        self.shared.links.lock().insert(node, Arc::clone(&opened));
        Ok(opened)
    }

    /// A connection to any broker.
    pub(crate) async fn any(&self) -> Result<Arc<Connection>, ClientError> {
        self.link(BOOTSTRAP).await
    }

    /// The node that administration goes to: the controller, or any broker if none is named.
    pub(crate) async fn controller(&self) -> Result<Arc<Connection>, ClientError> {
        let controller = self.shared.view.lock().controller;
        match controller {
            Some(node) => self.link(node).await,
            None => self.any().await,
        }
    }

    pub(crate) fn nodes(&self) -> Vec<i32> {
        self.shared.view.lock().brokers.keys().copied().collect()
    }

    /// The node that coordinates a group.
    pub(crate) async fn coordinator(&self, group: &str) -> Result<i32, ClientError> {
        let what = format!("group {group}");
        self.retry(&format!("the coordinator of group {group}"), || async {
            let link = self.any().await.map_err(Attempt::from)?;
            let version = link.version(ApiKey::FindCoordinator, i16::MAX).map_err(Attempt::end)?;
            let request = FindCoordinatorRequest {
                key: if version <= 3 { group.into() } else { Str::EMPTY },
                key_type: 0,
                coordinator_keys: if version >= 4 { vec![group.into()] } else { Vec::new() },
            };
            let mut response = link.call(version, &request).await.map_err(Attempt::from)?;
            let found = response.coordinators.pop().unwrap_or(Coordinator {
                key: Str::EMPTY,
                node_id: response.node_id,
                host: response.host,
                port: response.port,
                error_code: response.error_code,
                error_message: response.error_message,
            });
            ErrorCode::check(found.error_code).map_err(|error| Patience::of_code(error).of(&what, error))?;
            let address = address_of(&found.host, found.port);
            self.shared.view.lock().brokers.entry(found.node_id).or_insert((address, None));
            Ok(found.node_id)
        })
        .await
    }

    /// Sends what only the controller answers, and asks anew who that is when it has moved.
    pub(crate) async fn call_controller<R: Request>(
        &self,
        request: impl Fn(i16) -> R,
        error_of: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, ClientError> {
        self.retry(R::KEY.name(), || async {
            let link = self.controller().await.map_err(Attempt::from)?;
            let version = link.version(R::KEY, i16::MAX).map_err(Attempt::end)?;
            let response = link.call(version, &request(version)).await.map_err(Attempt::end)?;
            if error_of(&response) == ErrorCode::NotController.code() {
                self.refresh(Some(&[]), false).await.map_err(Attempt::end)?;
                return Err(Patience::Wait.of(R::KEY.name(), ErrorCode::NotController));
            }
            Ok(response)
        })
        .await
    }

    /// Tries again what is worth it, until the request timeout has passed.
    pub(crate) async fn retry<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, Attempt>>,
    {
        let tries = self.tries(what);
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(Attempt { error, patience: Patience::End }) => return Err(error),
                Err(Attempt { error: ClientError::Refused { error, .. }, .. }) => tries.wait(error).await?,
                Err(Attempt { error, .. }) => tries.wait_after(error).await?,
            }
        }
    }

    /// Begins something that is tried until the request timeout has passed.
    pub(crate) fn tries(&self, what: &str) -> Tries {
        Tries { what: what.to_owned(), deadline: Instant::now() + self.shared.options.request_timeout }
    }

    /// Asks for metadata: of all topics, or of those named. Returns each topic or its error.
    pub(crate) async fn refresh(
        &self,
        names: Option<&[String]>,
        create: bool,
    ) -> Result<Vec<(String, Result<Arc<TopicDescription>, ErrorCode>)>, ClientError> {
        let link = self.any().await?;
        let version = link.version(ApiKey::Metadata, METADATA_VERSION_MAX)?;
        let topics = names.map(|names| {
            let topic = |name: &String| MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
            names.iter().map(topic).collect()
        });
        let request = MetadataRequest {
            topics,
            // Older versions always create.
            allow_auto_topic_creation: create || version < 4,
            ..MetadataRequest::default()
        };
        let response = link.call(version, &request).await?;
        ErrorCode::check(response.error_code).map_err(|error| ClientError::refused("metadata", error, None))?;
        Ok(self.learn(response, link.address()))
    }

    fn learn(&self, response: MetadataResponse, from: &str) -> Vec<(String, Result<Arc<TopicDescription>, ErrorCode>)> {
        let mut view = self.shared.view.lock();
        view.brokers = response
            .brokers
            .iter()
            .map(|broker| {
                let rack = broker.rack.as_ref().map(|rack| rack.to_string());
                (broker.node_id, (address_of(&broker.host, broker.port), rack))
            })
            .collect();
        view.controller = Some(response.controller_id).filter(|id| *id >= 0);
        view.cluster_id = response.cluster_id.as_ref().map(|id| id.to_string());
        view.learned_from = from.to_owned();
        let mut learned = Vec::new();
        for topic in &response.topics {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            let described = match ErrorCode::check(topic.error_code) {
                Ok(()) => {
                    let described = Arc::new(describe(&name, topic));
                    view.topics.insert(name.clone(), Arc::clone(&described));
                    Ok(described)
                }
                Err(error) => {
                    view.topics.remove(&name);
                    Err(error)
                }
            };
            learned.push((name, described));
        }
        learned
    }

    async fn open(&self, node: i32) -> Result<Connection, ClientError> {
        let (address, learned_from) = {
            let view = self.shared.view.lock();
            let address = view.brokers.get(&node).map(|(address, _)| address.clone());
            (address, view.learned_from.clone())
        };
        let address = match address {
            Some(address) => address,
            None => return Err(ClientError::refused(format!("broker {node}"), ErrorCode::BrokerNotAvailable, None)),
        };
        self.open_at(&address).await.map_err(|error| match error {
            ClientError::Unreachable(unreachable) => {
                ClientError::Unreachable(Unreachable { advertised: Some((node, learned_from)), ..unreachable })
            }
            other => other,
        })
    }

    async fn open_any(&self) -> Result<Connection, ClientError> {
        let known: Vec<Address> = {
            let view = self.shared.view.lock();
            view.brokers.values().map(|(address, _)| address.clone()).collect()
        };
        let mut first_error = None;
        for address in self.shared.bootstrap.iter().chain(&known) {
            match self.open_at(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    tracing::debug!(%address, %error, "no connection");
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or(ClientError::Closed))
    }

    async fn open_at(&self, address: &Address) -> Result<Connection, ClientError> {
        let options = &self.shared.options;
        let opened =
            Connection::open(address, &options.client_id, options.connect_timeout, options.request_timeout).await;
        let mut reached = self.shared.reached.lock();
        match opened {
            Ok(connection) => {
                reached.insert(address.to_string());
                Ok(connection)
            }
            // A broker was there before: it is stopping, not something else.
            Err(ClientError::NotKafka { address, hint }) if reached.contains(&address) => {
                Err(ClientError::Disconnected { address, reason: hint.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether what failed may go on later. A broker that has answered before may be restarting; an address where none
    /// ever has is told at once.
    pub(crate) fn may_pass(&self, error: &ClientError) -> bool {
        match error {
            ClientError::Unreachable(unreachable) => self.shared.reached.lock().contains(&unreachable.address),
            other => other.is_worth_a_retry(),
        }
    }
}

/// Something that is tried again and again, up to a deadline.
pub(crate) struct Tries {
    what: String,
    deadline: Instant,
}

impl Tries {
    /// Waits a little before the next try; fails if there is no time for one.
    pub(crate) async fn wait(&self, error: ErrorCode) -> Result<(), ClientError> {
        self.wait_after(ClientError::TimedOut { what: self.what.clone(), last: Some(error) }).await
    }

    /// As [`Tries::wait`]; fails with `error`.
    pub(crate) async fn wait_after(&self, error: ClientError) -> Result<(), ClientError> {
        if Instant::now() + RETRY_BACKOFF >= self.deadline {
            return Err(error);
        }
        tokio::time::sleep(RETRY_BACKOFF).await;
        Ok(())
    }
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    End,
}

impl Patience {
    pub(crate) fn of_code(error: ErrorCode) -> Self {
        if error.is_retriable() { Self::Wait } else { Self::End }
    }

    pub(crate) fn of(self, what: &str, error: ErrorCode) -> Attempt {
        Attempt { error: ClientError::refused(what, error, None), patience: self }
    }
}

/// An attempt that failed.
pub(crate) struct Attempt {
    pub(crate) error: ClientError,
    pub(crate) patience: Patience,
}

impl Attempt {
    pub(crate) fn end(error: ClientError) -> Self {
        Self { error, patience: Patience::End }
    }
}

impl From<ClientError> for Attempt {
    fn from(error: ClientError) -> Self {
        // An address that cannot be reached at all is told at once; a connection that broke is worth another.
        let again = error.is_worth_a_retry() && !matches!(error, ClientError::Unreachable(_));
        Self { error, patience: if again { Patience::Wait } else { Patience::End } }
    }
}

fn address_of(host: &str, port: i32) -> Address {
    Address { host: host.to_owned(), port: u16::try_from(port).unwrap_or(0) }
}

fn describe(name: &str, topic: &MetadataResponseTopic) -> TopicDescription {
    let mut partitions: Vec<_> = topic.partitions.iter().map(describe_partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    TopicDescription { name: name.to_owned(), id: topic.topic_id, internal: topic.is_internal, partitions }
}

fn describe_partition(partition: &MetadataResponsePartition) -> PartitionDescription {
    PartitionDescription {
        index: partition.partition_index,
        leader: Some(partition.leader_id).filter(|leader| *leader >= 0),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: partition.replica_nodes.clone(),
        isr: partition.isr_nodes.clone(),
        offline: partition.offline_replicas.clone(),
    }
}
