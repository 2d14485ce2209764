// The JSON of docs/http.md, as the console reads it. Names are the contract's own.

export type Value = string | number | boolean | null;
export type Row = Value[];
export type Role = 'key' | 'window_start' | 'window_end' | 'value';
export type Column = { name: string; type: string; role: Role };
export type Offsets = Record<string, Record<string, number>>;

export type Fault = { code: string; cause: string; fix: string | null };

export type BadRecord = {
  topic: string;
  partition: number;
  offset: number;
  timestamp: string;
  reason: string;
  value: string | null;
};

export type Facts = {
  stream_time: string | null;
  idle: boolean;
  delay_ms: number | null;
  records: number;
  records_per_second: number;
  records_out_per_second: number;
  filtered: number;
  late: number;
  bad: number;
  null_keys: number;
  lag: number;
  state_bytes: number | null;
  state_keys: number | null;
  offsets: Offsets;
  last_update: string | null;
  last_bad: BadRecord | null;
  last_late: { topic: string; partition: number; offset: number; timestamp: string; late_by_ms: number } | null;
};

export type QueryState = 'starting' | 'restoring' | 'running' | 'blocked' | 'failed' | 'stopped';

export type Query = {
  name: string;
  id: string;
  kind: 'table' | 'stream' | 'sink';
  state: QueryState;
  error: Fault | null;
  application_id: string;
  statements: { name: string; kind: string; sql: string }[];
  reads: string[];
  writes: string[];
  dead_letters: string | null;
  columns: Column[];
  window: { kind: string; size_ms: number; grace_ms: number; retention_ms: number } | null;
  filter: string | null;
  facts: Facts;
};

export type TopicRecord = {
  partition: number;
  offset: number;
  timestamp: string;
  key: unknown;
  key_format: string | null;
  value: unknown;
  value_format: string;
  headers: { name: string; value: string | null }[];
  truncated: boolean;
};

export type Topic = {
  name: string;
  internal: boolean;
  dead_letters_of: string | null;
  partitions: { partition: number; start_offset: number; end_offset: number }[];
  records: number;
  records_per_second: number;
  newest: TopicRecord | null;
};

export type Generator = {
  name: string;
  sql: string;
  topic: string;
  every_ms: number | null;
  state: 'running' | 'paused' | 'blocked';
  reason: string | null;
  records: number;
  records_per_second: number;
  last: string | null;
};

export type Endpoint = { name: string; method: string; path: string; writes: boolean };

export type Stats = {
  time: string;
  events_per_second: number;
  late: number;
  bad: number;
  queries: { name: string; state: QueryState; facts: Facts }[];
  generators: Generator[];
};

export type Instance = {
  name: string;
  version: string;
  epoch: number;
  mode: string;
  bootstrap: string;
  durability: string;
  data_dir: string | null;
  demo: boolean;
  sql_file: string | null;
  cluster_id: string | null;
};

export type Snapshot = {
  time: string;
  resumed: boolean;
  instance: Instance;
  queries: { query: Query; rows: Row[] }[];
  topics: Topic[];
  generators: Generator[];
  endpoints: Endpoint[];
  stats: Stats | null;
};

export type Update = {
  query: string;
  time: string;
  stream_time: string | null;
  idle: boolean;
  rows: Row[];
  removed: Row[];
  records: number;
};

export type Final = { query: string; window_start: string; window_end: string; stream_time: string; rows: Row[] };

export type LateRecord = {
  topic: string;
  partition: number;
  offset: number;
  timestamp: string;
  key: Record<string, Value>;
  window_start: string;
  window_end: string;
  accepted: boolean;
  late_by_ms: number;
};

export type Late = { query: string; time: string; accepted: number; dropped: number; records: LateRecord[] };

export type Outcome = 'counted' | 'filtered' | 'late' | 'null_key' | 'bad' | 'passed' | 'pending';

export type Trace = {
  query: string;
  topic: string;
  partition: number;
  offset: number;
  timestamp: string;
  outcome: Outcome;
  key: Record<string, Value> | null;
  windows: { window_start: string; window_end: string; late: boolean }[];
  filter: { predicate: string; values: Record<string, Value> } | null;
  reason: string | null;
};

export type SqlFault = { statement: number; line: number; column: number; length: number | null; code: string; cause: string; fix: string | null; excerpt: string | null };

export type Problem = { title?: string; status: number; detail: string; fix: string | null; code: string; errors?: SqlFault[] };

export type StatementOutcome = {
  statement: number;
  line: number;
  kind: string;
  name: string | null;
  outcome: 'created' | 'unchanged' | 'changed' | 'dropped' | 'rows';
  message: string | null;
  columns: { name: string; type: string }[] | null;
  rows: Row[] | null;
};
