//! Bound objects to engine topologies.
//!
//! An object without a topic is not a hop: statements that are linked through such objects run, commit and restart
//! together, as one topology. Every continuous statement reads one input, so a topology is a tree with one root, the
//! statement that reads a hop; it gives the topology its name. Never: knows whether a topology runs.

use std::collections::BTreeMap;

use engine::plan::{
    ExchangeNode, FilterNode, MetadataColumn, Node, NodeId, Operator, ProjectNode, RekeyNode, SinkNode, SinkTarget,
    SourceNode, Start, TimestampSource, Topology,
};
use engine::{Expr, Field, Schema};

use crate::bind::METADATA;
use crate::catalog::{Body, Catalog, Input, Object, QueryOptions, Stream, StreamQuery, Topic};

/// Linked statements and the plan that runs them.
#[derive(Debug, Clone)]
pub struct TopologyPlan {
    /// The statement that reads a hop: it names the topology.
    pub root: String,
    /// The names of all linked statements, each after what it reads.
    pub statements: Vec<String>,
    /// The plan.
    pub topology: Topology,
    /// What is read.
    pub sources: Vec<SourcePlan>,
    /// The tables and their aggregate nodes.
    pub tables: Vec<(String, NodeId)>,
    /// What is written.
    pub sinks: Vec<SinkPlan>,
    /// The options of all linked statements: the shortest interval, the smallest cache.
    pub options: QueryOptions,
}

/// A source of a topology.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    /// Its node.
    pub node: NodeId,
    /// The stream.
    pub stream: String,
    /// The stream's topic.
    pub topic: Topic,
    /// The value columns that are read, with their defaults, in the order of the node's schema.
    pub columns: Vec<format::Column>,
}

/// A sink of a topology.
#[derive(Debug, Clone)]
pub struct SinkPlan {
    /// Its node.
    pub node: NodeId,
    /// The stream, table or sink whose rows it writes.
    pub object: String,
    /// The topic that it writes; `None`: a connector.
    pub topic: Option<Topic>,
}

impl TopologyPlan {
    /// `<instance>-<root>`: group, transactional id and prefix of internal topics.
    pub fn application_id(&self, instance: &str) -> String {
        format!("{instance}-{}", self.root)
    }

    /// `<application.id>-<table>-changelog`
    pub fn changelog_topic(&self, instance: &str, table: &str) -> String {
        format!("{}-{table}-changelog", self.application_id(instance))
    }

    /// `<query>-dlq`: where records go that could not be processed.
    pub fn dead_letter_topic(&self) -> String {
        format!("{}-dlq", self.root)
    }
}

impl Catalog {
    /// The root of the topology that a continuous statement belongs to.
    pub fn root_of<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut object = self.get(name).filter(|object| object.is_continuous())?;
        // Each step goes to what was declared earlier, so this ends.
        loop {
            let input = self.get(object.reads()?)?;
            if !is_linked(input) {
                return Some(&object.name);
            }
            object = input;
        }
    }

    /// The topology that a continuous statement belongs to, with all that is linked to it.
    pub fn topology_of(&self, name: &str) -> Option<TopologyPlan> {
        let root = self.root_of(name)?;
        let mut statements = vec![root.to_string()];
        let mut next = 0;
        while next < statements.len() {
            let reader_of = statements[next].clone();
            next += 1;
            if self.get(&reader_of).is_some_and(is_linked) {
                let readers =
                    self.objects().filter(|object| object.is_continuous() && object.reads() == Some(&reader_of));
                statements.extend(readers.map(|object| object.name.clone()));
            }
        }
        Some(Builder::new(self, root).build(statements))
    }

    /// All topologies, by root.
    pub fn topologies(&self) -> Vec<TopologyPlan> {
        let roots = self.objects().filter(|object| self.root_of(&object.name) == Some(&object.name));
        roots.filter_map(|object| self.topology_of(&object.name)).collect()
    }
}

/// Readers of this object belong to its own topology.
fn is_linked(object: &Object) -> bool {
    object.is_continuous() && object.topic().is_none()
}

struct Builder<'a> {
    catalog: &'a Catalog,
    plan: TopologyPlan,
    /// The node whose rows the readers of an object read.
    rows: BTreeMap<String, NodeId>,
}

impl<'a> Builder<'a> {
    fn new(catalog: &'a Catalog, root: &str) -> Self {
        let plan = TopologyPlan {
            root: root.to_string(),
            statements: vec![],
            topology: Topology { root: root.to_string(), nodes: vec![] },
            sources: vec![],
            tables: vec![],
            sinks: vec![],
            options: QueryOptions::default(),
        };
        Self { catalog, plan, rows: BTreeMap::new() }
    }

    fn build(mut self, statements: Vec<String>) -> TopologyPlan {
        for name in &statements {
            if let Some(object) = self.catalog.get(name) {
                self.object(object);
            }
        }
        self.plan.statements = statements;
        self.plan
    }

    fn node(&mut self, name: impl Into<String>, inputs: Vec<NodeId>, operator: Operator) -> NodeId {
        self.plan.topology.nodes.push(Node { name: name.into(), inputs, operator });
        self.plan.topology.nodes.len() - 1
    }

    fn object(&mut self, object: &Object) {
        let name = &object.name;
        match &object.body {
            Body::Stream(Stream { query: Some(query), topic, options, .. }) => {
                self.options(*options);
                let rows = self.stream(name, query, *options);
                self.rows.insert(name.clone(), rows);
                if let Some(topic) = topic {
                    self.topic_sink(name, rows, topic, &query.columns);
                }
            }
            Body::Table(table) => {
                self.options(table.options);
                let group = table.group.iter().map(|(_, expr)| expr);
                let args = table.calls.iter().flat_map(|(_, call)| &call.args);
                let (mut at, map) = self.input(&table.input, group.chain(args), table.options);
                at = self.filter(name, at, &table.input, &map);
                let group: Vec<(String, Expr)> = table.group.iter().map(|(n, e)| (n.clone(), map.apply(e))).collect();
                if !table.group_is_key {
                    let by = group.iter().map(|(_, expr)| expr.clone()).collect();
                    let exchange = ExchangeNode { by, repartition: format!("{name}-repartition") };
                    at = self.node(format!("{name} exchange"), vec![at], Operator::Exchange(exchange));
                }
                let mut aggregate = table.aggregate_node(name);
                aggregate.group = group;
                for (_, call) in &mut aggregate.calls {
                    call.args = call.args.iter().map(|arg| map.apply(arg)).collect();
                }
                at = self.node(name.as_str(), vec![at], Operator::Aggregate(aggregate));
                self.plan.tables.push((name.clone(), at));
                let stream = self.node(format!("{name} changes"), vec![at], Operator::ToStream);
                self.rows.insert(name.clone(), stream);
                if let Some(topic) = &table.topic {
                    let project = ProjectNode { columns: table.columns.clone() };
                    let rows = self.node(format!("{name} select"), vec![stream], Operator::Project(project));
                    self.topic_sink(name, rows, topic, &table.columns);
                }
            }
            Body::Sink(sink) => {
                self.options(sink.options);
                let rows = self.stream(name, &sink.query, sink.options);
                let node = SinkNode {
                    target: SinkTarget::Connector(sink.connector.clone()),
                    columns: positions(&sink.query.columns),
                    key_format: "none".to_string(),
                    value_format: sink.value_format.clone(),
                };
                let node = self.node(name.as_str(), vec![rows], Operator::Sink(node));
                self.plan.sinks.push(SinkPlan { node, object: name.clone(), topic: None });
            }
            Body::Stream(_) | Body::Generator(_) | Body::Endpoint(_) => {}
        }
    }

    fn options(&mut self, options: QueryOptions) {
        let all = &mut self.plan.options;
        all.start = all.start.or(options.start);
        all.commit_interval_ms = smaller(all.commit_interval_ms, options.commit_interval_ms);
        all.cache_max_bytes = smaller(all.cache_max_bytes, options.cache_max_bytes);
    }

    /// Filter, key and columns of a stream's or sink's query; the node with its rows.
    fn stream(&mut self, name: &str, query: &StreamQuery, options: QueryOptions) -> NodeId {
        let exprs = query.columns.iter().chain(&query.key).map(|(_, expr)| expr);
        let (mut at, map) = self.input(&query.input, exprs, options);
        at = self.filter(name, at, &query.input, &map);
        // The key before the columns: it may use columns that the select list leaves out.
        if !query.key.is_empty() {
            let columns = query.key.iter().map(|(n, e)| (n.clone(), map.apply(e))).collect();
            at = self.node(format!("{name} key"), vec![at], Operator::Rekey(RekeyNode { columns }));
        }
        let columns = query.columns.iter().map(|(n, e)| (n.clone(), map.apply(e))).collect();
        self.node(format!("{name} select"), vec![at], Operator::Project(ProjectNode { columns }))
    }

    fn filter(&mut self, name: &str, at: NodeId, input: &Input, map: &ColumnMap) -> NodeId {
        match &input.filter {
            None => at,
            Some((predicate, text)) => {
                let filter = FilterNode { predicate: map.apply(predicate), text: text.clone() };
                self.node(format!("{name} where"), vec![at], Operator::Filter(filter))
            }
        }
    }

    /// The node that a query reads, and where its columns lie in that node's rows.
    fn input<'e>(
        &mut self,
        input: &'e Input,
        exprs: impl Iterator<Item = &'e Expr>,
        options: QueryOptions,
    ) -> (NodeId, ColumnMap) {
        if let Some(rows) = self.rows.get(&input.from) {
            return (*rows, ColumnMap { places: None });
        }
        let mut used: Vec<usize> =
            exprs.chain(input.filter.as_ref().map(|(expr, _)| expr)).flat_map(Expr::columns).collect();
        let Some(Object { body: Body::Stream(stream), .. }) = self.catalog.get(&input.from) else {
            unreachable!("the binder lets a query read streams and linked tables only");
        };
        let Some(topic) = &stream.topic else {
            unreachable!("a stream that is not linked has a topic");
        };
        used.extend(stream.timestamp);
        let (source, columns, places) = source(&input.from, stream, topic, &used, options.start);
        let node = self.node(input.from.as_str(), vec![], Operator::Source(source));
        self.plan.sources.push(SourcePlan { node, stream: input.from.clone(), topic: topic.clone(), columns });
        (node, ColumnMap { places: Some(places) })
    }

    fn topic_sink(&mut self, name: &str, rows: NodeId, topic: &Topic, columns: &[(String, Expr)]) {
        let sink = SinkNode {
            target: SinkTarget::Topic(topic.name.clone()),
            columns: positions(columns),
            key_format: topic.key_format.clone(),
            value_format: topic.value_format.clone(),
        };
        let node = self.node(name, vec![rows], Operator::Sink(sink));
        self.plan.sinks.push(SinkPlan { node, object: name.to_string(), topic: Some(topic.clone()) });
    }
}

fn smaller<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.into_iter().chain(b).min()
}

fn positions(columns: &[(String, Expr)]) -> Vec<(String, usize)> {
    columns.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect()
}

/// Where the columns of a stream lie in the rows of its source, which holds only those that are used.
struct ColumnMap {
    /// By the stream's column; `None`: as they are.
    places: Option<BTreeMap<usize, usize>>,
}

impl ColumnMap {
    fn apply(&self, expr: &Expr) -> Expr {
        let Some(places) = &self.places else { return expr.clone() };
        let types = column_types(expr);
        expr.map_columns(&|index| Expr::column(places[&index], types[&index]))
    }
}

fn column_types(expr: &Expr) -> BTreeMap<usize, engine::Type> {
    let mut types = BTreeMap::new();
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        if let Expr::Column { index, ty } = expr {
            types.insert(*index, *ty);
        }
        todo.extend(expr.children());
    }
    types
}

/// The source node of a stream for the columns in use.
fn source(
    name: &str,
    stream: &Stream,
    topic: &Topic,
    used: &[usize],
    start: Option<Start>,
) -> (SourceNode, Vec<format::Column>, BTreeMap<usize, usize>) {
    let mut places = BTreeMap::new();
    let mut columns = Vec::new();
    for (index, column) in stream.columns.iter().enumerate() {
        if !column.key && used.contains(&index) {
            places.insert(index, columns.len());
            columns.push(format::Column { name: column.name.clone(), ty: column.ty, default: column.default.clone() });
        }
    }
    let mut metadata = Vec::new();
    for (i, (_, column)) in METADATA.iter().enumerate() {
        let index = stream.columns.len() + i;
        let keys: Vec<usize> = match column {
            MetadataColumn::Key => {
                (0..stream.columns.len()).filter(|i| stream.columns[*i].key && used.contains(i)).collect()
            }
            _ => vec![],
        };
        if used.contains(&index) || !keys.is_empty() {
            for index in keys.into_iter().chain([index]) {
                places.insert(index, columns.len() + metadata.len());
            }
            metadata.push(*column);
        }
    }
    let node = SourceNode {
        stream: name.to_string(),
        topic: topic.name.clone(),
        schema: columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect::<Schema>(),
        metadata,
        timestamp: stream.timestamp.map_or(TimestampSource::Record, |index| TimestampSource::Column(places[&index])),
        start: start.unwrap_or(stream.start),
        key_format: topic.key_format.clone(),
        value_format: topic.value_format.clone(),
    };
    (node, columns, places)
}
