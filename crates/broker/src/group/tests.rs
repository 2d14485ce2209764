//! Groups, as scenarios: each file of `testdata/group` is a list of blocks
//!
//! ```text
//! join m1                      commands, one a line
//! ----
//! m1: MEMBER_ID_REQUIRED …     what comes out, up to an empty line
//! ```
//!
//! `UPDATE=1` writes the answers anew. After every command the machine that is rebuilt from the records must equal the
//! live one; a property test asks the same of random commands.

use std::collections::HashMap;
use std::fmt::Write;

use ::record::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use bytes::Bytes;
use proptest::prelude::*;
use wire::ErrorCode;

use super::admin::QueryJoin;
use super::*;

/// One entry of the pretended log.
#[derive(Clone, Debug)]
enum Logged {
    Record(GroupRecord, Option<ProducerId>),
    Marker(ProducerId, bool),
}

struct World {
    machine: GroupCoordinator,
    config: GroupConfig,
    log: Vec<Logged>,
    now_ms: u64,
    uuids: u64,
    parks: HashMap<ParkId, String>,
    next_park: u64,
    /// Client → (group, member id, generation).
    clients: HashMap<String, (String, i32)>,
    out: String,
}

const GROUP: &str = "g";

/// Words of a command: positional ones and `key=value` options.
struct Words<'a> {
    plain: Vec<&'a str>,
    options: HashMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn parse(line: &'a str) -> Self {
        let mut words = Words { plain: Vec::new(), options: HashMap::new() };
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) if !key.contains('/') => {
                    words.options.insert(key, value);
                }
                _ => words.plain.push(word),
            }
        }
        words
    }

    fn text(&self, key: &str, default: &'a str) -> &'a str {
        self.options.get(key).copied().unwrap_or(default)
    }

    fn number(&self, key: &str, default: i64) -> i64 {
        self.options.get(key).map_or(default, |n| n.parse().expect("a number"))
    }

    fn instance(&self) -> Option<String> {
        self.options.get("instance").map(|i| (*i).to_owned())
    }
}

fn duration_ms(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).expect("a unit"));
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("unknown unit {unit}"),
    };
    number.parse::<u64>().expect("a number") * factor
}

/// `topic/partition`, and `topic/partition=offset` split at the equals sign.
fn place(text: &str) -> (String, i32) {
    let (topic, partition) = text.split_once('/').expect("topic/partition");
    (topic.to_owned(), partition.parse().expect("a partition"))
}

/// ConsumerProtocolSubscription v0 with these topics.
fn subscription(topics: &str) -> Bytes {
    let topics: Vec<&str> = topics.split(',').filter(|t| !t.is_empty()).collect();
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend((-1_i32).to_be_bytes());
    Bytes::from(bytes)
}

impl World {
    fn new(config: GroupConfig) -> Self {
        Self {
            machine: GroupCoordinator::new(config.clone()),
            config,
            log: Vec::new(),
            now_ms: 0,
            uuids: 0,
            parks: HashMap::new(),
            next_park: 0,
            clients: HashMap::new(),
            out: String::new(),
        }
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall: TimestampMs(self.now_ms as i64) }
    }

    fn park(&mut self, client: &str) -> ParkId {
        self.next_park += 1;
        self.parks.insert(ParkId(self.next_park), client.to_owned());
        ParkId(self.next_park)
    }

    fn client(&self, name: &str) -> (String, i32) {
        self.clients.get(name).cloned().unwrap_or_default()
    }

    fn say(&mut self, line: impl AsRef<str>) {
        writeln!(self.out, "{}", line.as_ref()).expect("a string");
    }

    fn carry_out<R>(&mut self, decision: Decision<R>, producer: Option<ProducerId>) -> R {
        for record in decision.records {
            let line = describe_record(&record, producer);
            self.machine.replay(&record, Offset(self.log.len() as i64), producer, true);
            self.log.push(Logged::Record(record, producer));
            self.say(line);
        }
        for Released { park, reply } in decision.released {
            let client = self.parks.remove(&park).expect("a parked request is released once");
            match reply {
                Parked::Join(reply) => {
                    if !reply.member_id.is_empty() {
                        self.clients.insert(client.clone(), (reply.member_id.clone(), reply.generation));
                    }
                    let members: Vec<&str> = reply.members.iter().map(|(id, ..)| id.as_str()).collect();
                    let line = match reply.error {
                        ErrorCode::None => format!(
                            "{client}: JOINED {} generation={} protocol={} leader={}{}{}",
                            reply.member_id,
                            reply.generation,
                            reply.protocol.as_deref().unwrap_or("-"),
                            reply.leader,
                            if members.is_empty() { String::new() } else { format!(" members={}", members.join(",")) },
                            if reply.skip_assignment { " skip" } else { "" },
                        ),
                        error => format!("{client}: JOIN {} {}", error.name(), reply.member_id),
                    };
                    self.say(line.trim_end());
                }
                Parked::Sync(reply) => {
                    let line = match reply.error {
                        ErrorCode::None => format!("{client}: ASSIGNED {:?}", reply.assignment),
                        error => format!("{client}: SYNC {}", error.name()),
                    };
                    self.say(line);
                }
            }
        }
        decision.response
    }

    fn run(&mut self, line: &str) {
        let words = Words::parse(line);
        let group_id = words.text("group", GROUP).to_owned();
        let (command, rest) = words.plain.split_first().expect("a command");
        match *command {
            "join" => {
                let client = rest[0];
                let protocols = words.text("protocols", "range").split(',');
                let metadata = subscription(words.text("topics", "t"));
                let park = self.park(client);
                self.uuids += 1;
                let member_id = if words.options.contains_key("id") {
                    words.text("id", "").to_owned()
                } else if words.options.contains_key("fresh") {
                    String::new()
                } else {
                    self.client(client).0
                };
                let request = JoinRequest {
                    group_id,
                    member_id,
                    group_instance_id: words.instance(),
                    client_id: client.to_owned(),
                    client_host: "/127.0.0.1".to_owned(),
                    protocol_type: words.text("type", "consumer").to_owned(),
                    protocols: protocols.filter(|p| !p.is_empty()).map(|p| (p.to_owned(), metadata.clone())).collect(),
                    session_timeout_ms: duration_ms(words.text("session", "10s")) as i32,
                    rebalance_timeout_ms: duration_ms(words.text("rebalance", "60s")) as i32,
                    require_known_member_id: words.number("v", 4) >= 4,
                    supports_skipping_assignment: words.number("v", 4) >= 9,
                    fresh_uuid: format!("u{}", self.uuids),
                };
                let decision = self.machine.join(request, park, self.now());
                self.carry_out(decision, None);
            }
            "sync" => {
                let client = rest[0];
                let (member_id, generation) = self.client(client);
                let assignments = words.text("assign", "").split(',').filter(|a| !a.is_empty()).map(|pair| {
                    let (client, assignment) = pair.split_once(':').expect("client:assignment");
                    (self.client(client).0, Bytes::copy_from_slice(assignment.as_bytes()))
                });
                let request = SyncRequest {
                    group_id,
                    generation: words.number("generation", generation.into()) as i32,
                    member_id,
                    group_instance_id: words.instance(),
                    protocol_type: words.options.get("type").map(|t| (*t).to_owned()),
                    protocol: words.options.get("protocol").map(|p| (*p).to_owned()),
                    assignments: assignments.collect(),
                };
                let park = self.park(client);
                let decision = self.machine.sync(request, park, self.now());
                self.carry_out(decision, None);
            }
            "heartbeat" => {
                let (member_id, generation) = self.client(rest[0]);
                let request = HeartbeatRequest {
                    group_id,
                    generation: words.number("generation", generation.into()) as i32,
                    member_id,
                    group_instance_id: words.instance(),
                };
                let answer = self.machine.heartbeat(&request, self.now());
                self.say(format!("{}: HEARTBEAT {}", rest[0], answer.name()));
            }
            "leave" => {
                let mut leaving: Vec<LeaveMember> =
                    rest.iter().map(|c| LeaveMember { member_id: self.client(c).0, group_instance_id: None }).collect();
                leaving.extend(
                    words.instance().map(|i| LeaveMember { member_id: String::new(), group_instance_id: Some(i) }),
                );
                let decision = self.machine.leave(&group_id, leaving, self.now());
                for reply in self.carry_out(decision, None) {
                    let who = reply.group_instance_id.unwrap_or(reply.member_id);
                    self.say(format!("leave {who}: {}", reply.error.name()));
                }
            }
            "commit" => {
                let (member_id, generation) = match rest[0] {
                    "-" => (String::new(), -1),
                    client => self.client(client),
                };
                let producer = words.options.get("pid").map(|pid| ProducerId(pid.parse().expect("a producer id")));
                let offsets = rest[1..].iter().map(|commit| {
                    let (at, offset) = commit.split_once('=').expect("topic/partition=offset");
                    let (topic, partition) = place(at);
                    OffsetCommit {
                        topic,
                        partition,
                        offset: Offset(offset.parse().expect("an offset")),
                        leader_epoch: -1,
                        metadata: words.text("metadata", "").to_owned(),
                        retention_ms: words.options.get("retention").map(|r| duration_ms(r) as i64),
                    }
                });
                // A query commits in process; with `by=client` it is somebody who has read its member id.
                let in_process = member_id.ends_with("-query") && words.text("by", "query") == "query";
                let request = OffsetCommitRequest {
                    committer: if in_process { Committer::Query } else { Committer::Client },
                    group_id,
                    generation: words.number("generation", generation.into()) as i32,
                    member_id,
                    group_instance_id: words.instance(),
                    offsets: offsets.collect(),
                    producer: producer.map(|id| (id, ProducerEpoch(0))),
                };
                let decision = self.machine.commit_offsets(request, self.now());
                let reply = self.carry_out(decision, producer);
                self.say(format!("{}: COMMIT {}", rest[0], outcome(&reply)));
            }
            "marker" => {
                let producer = ProducerId(words.number("pid", 0));
                let commit = rest[0] == "commit";
                self.machine.replay_marker(producer, commit);
                self.log.push(Logged::Marker(producer, commit));
            }
            "fetch" => {
                let stable = words.options.contains_key("stable");
                if rest.is_empty() {
                    for (topic, partition, reply) in self.machine.fetch_all_offsets(&group_id, stable) {
                        self.say(format!("{topic}/{partition}: {} {}", reply.error.name(), reply.offset));
                    }
                }
                for at in rest {
                    let (topic, partition) = place(at);
                    let reply = self.machine.fetch_offset(&group_id, &topic, partition, stable);
                    self.say(format!("{at}: {} {} {:?}", reply.error.name(), reply.offset, reply.metadata));
                }
            }
            "delete-offsets" => {
                let partitions: Vec<_> = rest.iter().map(|at| place(at)).collect();
                let decision = self.machine.delete_offsets(&group_id, &partitions);
                let reply = self.carry_out(decision, None);
                self.say(format!("delete-offsets: {}", outcome(&reply)));
            }
            "delete" => {
                let decision = self.machine.delete(&group_id);
                let code = self.carry_out(decision, None);
                self.say(format!("delete: {}", code.name()));
            }
            "forget-topic" => {
                let decision = self.machine.forget_topic(rest[0]);
                self.carry_out(decision, None);
            }
            "tick" => {
                self.now_ms += duration_ms(rest[0]);
                let decision = self.machine.tick(self.now());
                self.carry_out(decision, None);
            }
            "expire" => {
                let decision = self.machine.expire(self.now());
                self.carry_out(decision, None);
            }
            "query" => {
                let member_id = format!("{}-query", rest[0]);
                let request = QueryJoin {
                    group_id,
                    member_id: member_id.clone(),
                    client_id: rest[0].to_owned(),
                    client_host: "/127.0.0.1".to_owned(),
                    subscription: subscription(words.text("topics", "t")),
                    assignment: Bytes::from_static(b"all"),
                };
                let decision = self.machine.query_join(request, self.now());
                let generation = self.carry_out(decision, None);
                self.clients.insert(rest[0].to_owned(), (member_id, generation));
                self.say(format!("{}: QUERY generation={generation}", rest[0]));
            }
            "query-leave" => {
                let (member_id, _) = self.client(rest[0]);
                let decision = self.machine.query_leave(&group_id, &member_id, self.now());
                self.carry_out(decision, None);
            }
            "restart" => {
                self.machine = self.replayed();
                self.machine.start_sessions(self.now());
                self.parks.clear();
            }
            "list" => {
                for row in self.machine.list() {
                    self.say(format!("{} {:?} {}", row.group_id, row.protocol_type, row.state.name()));
                }
            }
            "describe" => match self.machine.describe(&group_id) {
                None => self.say("no such group"),
                Some(group) => {
                    let GroupDescription { state, generation, protocol_type, protocol, .. } = &group;
                    let state = state.name();
                    self.say(format!("{state} generation={generation} type={protocol_type:?} protocol={protocol:?}"));
                    for member in group.members {
                        self.say(format!("  {} {} {:?}", member.member_id, member.client_host, member.assignment));
                    }
                }
            },
            other => panic!("unknown command {other}"),
        }
    }

    fn replayed(&self) -> GroupCoordinator {
        let mut machine = GroupCoordinator::new(self.config.clone());
        for (offset, logged) in (0_i64..).zip(&self.log) {
            match logged {
                Logged::Record(record, producer) => machine.replay(record, Offset(offset), *producer, false),
                Logged::Marker(producer, commit) => machine.replay_marker(*producer, *commit),
            }
        }
        machine
    }

    /// Offsets equal always; generations equal in every group that is not amid a rebalance.
    fn check_replay(&self, after: &str) {
        let replayed = self.replayed();
        let mut offsets_bytes = 0;
        for (id, group) in &self.machine.groups {
            let counted = group.offsets.counted_bytes();
            assert_eq!(group.offsets.bytes(), counted, "after {after:?}: what the offsets of {id} take");
            offsets_bytes += counted;
            let stagers = (group.offsets.kept_stagers(), group.offsets.counted_stagers());
            assert_eq!(stagers.0, stagers.1, "after {after:?}: who has staged offsets of {id}");
        }
        let room = self.machine.room.bytes();
        assert!(room >= offsets_bytes, "after {after:?}: {room} bytes are counted, and offsets take {offsets_bytes}");
        for (id, live) in &self.machine.groups {
            match replayed.groups.get(id) {
                None => assert!(live.offsets.is_empty(), "after {after:?}: offsets of {id} are not in the log"),
                Some(group) => {
                    assert_eq!(live.offsets, group.offsets, "after {after:?}: offsets of {id}");
                    let settled = matches!(live.state, GroupState::Stable | GroupState::Empty) && live.generation > 0;
                    if settled {
                        assert_eq!(live.state, group.state, "after {after:?}: state of {id}");
                        assert_eq!(live.value(), group.value(), "after {after:?}: generation of {id}");
                    }
                }
            }
        }
        for (id, group) in &replayed.groups {
            assert!(self.machine.groups.contains_key(id), "after {after:?}: {id} is in the log only: {group:?}");
        }
    }
}

fn outcome(reply: &super::commit::CommitReply) -> String {
    match reply {
        Err(error) => error.name().to_owned(),
        Ok(codes) => codes.iter().map(|c| c.name()).collect::<Vec<_>>().join(","),
    }
}

fn describe_record(record: &GroupRecord, producer: Option<ProducerId>) -> String {
    let transactional = producer.map_or(String::new(), |p| format!(" transaction of {p}"));
    match record {
        GroupRecord::Offset { topic, partition, value: None, .. } => format!("log: {topic}/{partition} deleted"),
        GroupRecord::Offset { topic, partition, value: Some(value), .. } => {
            format!("log: {topic}/{partition}={}{transactional}", value.offset)
        }
        GroupRecord::Group { group_id, value: None } => format!("log: group {group_id} deleted"),
        GroupRecord::Group { group_id, value: Some(value) } => {
            let members: Vec<String> =
                value.members.iter().map(|m| format!("{}:{:?}", m.member_id, m.assignment)).collect();
            format!("log: group {group_id} generation={} members=[{}]", value.generation, members.join(","))
        }
    }
}

/// Runs a scenario and compares its transcript.
fn check(name: &str, text: &str) -> String {
    let mut world = World::new(GroupConfig::default());
    let mut transcript = String::new();
    for block in text.split("\n\n") {
        let commands = block.split("\n----").next().unwrap_or_default();
        world.out.clear();
        for line in commands.lines().filter(|l| !l.trim().is_empty()) {
            if let Some(setting) = line.strip_prefix("config ") {
                match setting.split_once('=').expect("name=value") {
                    ("delay", value) => world.config.initial_rebalance_delay_ms = duration_ms(value),
                    ("state-bytes", value) => world.config.state_bytes_max = value.parse().expect("a number"),
                    ("members", value) => world.config.members_max = value.parse().expect("a number"),
                    (other, _) => panic!("unknown setting {other}"),
                }
                world.machine = GroupCoordinator::new(world.config.clone());
            } else if !line.starts_with('#') {
                world.run(line);
                world.check_replay(&format!("{name}: {line}"));
            }
        }
        let _ = writeln!(transcript, "{}", commands.trim_end());
        if commands.lines().any(|l| !l.starts_with('#') && !l.starts_with("config ")) {
            let _ = write!(transcript, "----\n{}", world.out);
        }
        transcript.push('\n');
    }
    format!("{}\n", transcript.trim_end())
}

#[test]
fn scenarios() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/group");
    let mut files = 0;
    for entry in std::fs::read_dir(&directory).expect("testdata/group") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a scenario");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let transcript = check(&name, &text);
        files += 1;
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, transcript).expect("the scenario is written");
        } else {
            assert_eq!(transcript, text, "{name}: run with UPDATE=1 and read the difference");
        }
    }
    assert!(files > 0, "no scenarios in {}", directory.display());
}

fn command() -> impl Strategy<Value = String> {
    let client = prop_oneof![Just("a"), Just("b"), Just("c")];
    let topic = prop_oneof![Just("t/0"), Just("t/1"), Just("u/0")];
    prop_oneof![
        4 => client.clone().prop_map(|c| format!("join {c}")),
        2 => client.clone().prop_map(|c| format!("join {c} v=3 session=6s")),
        1 => client.clone().prop_map(|c| format!("join {c} instance={c} fresh=1")),
        1 => client.clone().prop_map(|c| format!("join {c} protocols=range,sticky topics=t,u")),
        4 => client.clone().prop_map(|c| format!("sync {c} assign=a:1,b:2,c:3")),
        1 => client.clone().prop_map(|c| format!("heartbeat {c}")),
        1 => client.clone().prop_map(|c| format!("leave {c}")),
        1 => client.clone().prop_map(|c| format!("leave instance={c}")),
        2 => (client.clone(), topic.clone(), 0..9).prop_map(|(c, t, o)| format!("commit {c} {t}={o}")),
        1 => (topic.clone(), 0..9).prop_map(|(t, o)| format!("commit - {t}={o}")),
        2 => (topic.clone(), 0..9, 1..3).prop_map(|(t, o, p)| format!("commit - {t}={o} pid={p}")),
        1 => (1..3).prop_map(|p| format!("marker commit pid={p}")),
        1 => (1..3).prop_map(|p| format!("marker abort pid={p}")),
        1 => topic.prop_map(|t| format!("delete-offsets {t}")),
        1 => Just("delete".to_owned()),
        1 => Just("forget-topic u".to_owned()),
        2 => (1..8_u32).prop_map(|s| format!("tick {}s", s * s * s)),
        1 => Just("tick 8d".to_owned()),
        1 => Just("expire".to_owned()),
        1 => Just("query q".to_owned()),
        1 => Just("query-leave q".to_owned()),
        1 => Just("restart".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens, the log alone gives the same groups; and no request waits for ever: when everybody stays silent
    /// for an hour, every parked one is answered.
    #[test]
    fn replay_equals_live(commands in proptest::collection::vec(command(), 1..60)) {
        let mut world = World::new(GroupConfig::default());
        for line in &commands {
            world.run(line);
            world.check_replay(line);
        }
        for _ in 0..60 {
            world.run("tick 1m");
            world.check_replay("tick 1m");
        }
        prop_assert!(world.parks.is_empty(), "still parked: {:?}", world.parks);
    }
}
