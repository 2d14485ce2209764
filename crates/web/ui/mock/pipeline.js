// The page-events pipeline in a few lines of JavaScript, for work on the console only: topics in memory, counts per page and
// window with stream time and grace, the function and the print sink. Not a reference for anything.

const WINDOW_MS = 5_000;
const GRACE_MS = 60_000;
const SQL = {
  page_count: `CREATE TABLE page_count AS
  SELECT name, window_start, window_end, count(*) AS visits
  FROM TUMBLE(page_events, INTERVAL '5 seconds')
  WHERE duration > 100
  GROUP BY name, window_start, window_end
  EMIT CHANGES`,
  page_visits: `CREATE STREAM page_visits WITH (topic = 'R4', key_format = 'text', value_format = 'int64') AS
  SELECT visits FROM page_count PARTITION BY '=>' || window_start || window_end || name`,
  page_event_function: `CREATE STREAM page_event_function WITH (topic = 'R3', value_format = 'json') AS
  SELECT 'L:' || length(name) AS name, 'UUUUUU' AS "user", date, duration FROM page_events`,
  page_event_consumer: `CREATE SINK page_event_consumer WITH (connector = 'print') AS SELECT * FROM published`,
  page_event_supplier: `CREATE GENERATOR page_event_supplier WITH (every = '100 ms') INTO page_events AS
  SELECT pick('P1', 'P2') AS name, pick('U1', 'U2') AS "user", now() AS date, random_int(0, 8999) AS duration`,
};

export const instant = (ms) => new Date(ms).toISOString().replace('.000Z', 'Z');
const pick = (...values) => values[Math.floor(Math.random() * values.length)];

class Rate {
  #at = [];
  add(now) {
    this.#at.push(now);
  }
  perSecond(now) {
    while (this.#at.length && this.#at[0] < now - 5_000) this.#at.shift();
    return Math.round((this.#at.length / 5) * 10) / 10;
  }
}

class Topic {
  constructor(name, format, deadLettersOf = null) {
    Object.assign(this, { name, format, deadLettersOf, records: [], rate: new Rate() });
  }
  append(value, now, { key = null, timestamp = now, headers = [], format = this.format } = {}) {
    const record = {
      partition: 0,
      offset: this.records.length,
      timestamp: instant(timestamp),
      key,
      key_format: key === null ? null : 'text',
      value,
      value_format: format,
      headers,
      truncated: false,
    };
    this.records.push(record);
    this.rate.add(now);
    return record;
  }
  json(now) {
    return {
      name: this.name,
      id: 'AAAAAAAAAAAAAAAAAAAAAA',
      internal: false,
      dead_letters_of: this.deadLettersOf,
      partitions: [{ partition: 0, start_offset: 0, end_offset: this.records.length }],
      records: this.records.length,
      records_per_second: this.rate.perSecond(now),
      key_format: null,
      value_format: this.format,
      newest: this.records.at(-1) ?? null,
    };
  }
}

export class Pipeline {
  constructor({ everyMs, pages }) {
    this.everyMs = everyMs;
    this.pages = pages;
    this.paused = false;
    this.supplied = 0;
    this.topics = new Map();
    for (const [name, format] of [['R1', 'json'], ['R2', 'json'], ['R3', 'json'], ['R4', 'int64']])
      this.topics.set(name, new Topic(name, format));
    this.windows = new Map();
    this.streamTime = null;
    this.outcomes = new Map();
    this.counters = Object.fromEntries(
      ['page_count', 'page_event_function', 'page_event_consumer'].map((name) => [
        name,
        { records: 0, filtered: 0, late: 0, bad: 0, null_keys: 0, last_bad: null, last_late: null, rate: new Rate() },
      ]),
    );
    this.supplierRate = new Rate();
    this.changed = new Map();
    this.lateEvents = [];
    this.finals = [];
    this.newQueue = [];
  }

  event(name) {
    return {
      name: name ?? pick(...this.pages),
      user: pick('U1', 'U2'),
      date: new Date().toISOString().replace('Z', '+00:00'),
      duration: Math.floor(Math.random() * 9_000),
    };
  }

  supply(now, timestamp = now) {
    this.supplied += 1;
    this.supplierRate.add(now);
    // Leaning now and then to one page, so that the curves cross.
    const leaning = Math.sin(timestamp / 17_000) > 0.1 ? this.pages : [...this.pages, ...this.pages.slice(0, 1)];
    this.publish('R2', this.event(pick(...leaning)), now, timestamp);
  }

  publish(topic, value, now, timestamp = now) {
    const text = typeof value === 'string';
    const record = this.topics.get(topic).append(value, now, { timestamp, format: text ? 'text' : 'json' });
    if (topic === 'R2') this.#processed('R2', record, now, timestamp);
    if (topic === 'R1') {
      const counters = this.counters.page_event_consumer;
      counters.records += 1;
      counters.rate.add(now);
      if (text) this.#bad('page_event_consumer', 'R1', record, now);
      this.outcomes.set(`page_event_consumer R1 ${record.offset}`, { outcome: text ? 'bad' : 'passed' });
    }
    return record;
  }

  #bad(query, topic, record, now) {
    const counters = this.counters[query];
    counters.bad += 1;
    const reason = 'not JSON: expected a value at line 1 column 1';
    counters.last_bad = { topic, partition: 0, offset: record.offset, timestamp: record.timestamp, reason, value: record.value };
    const dlq = `${query}-dlq`;
    if (!this.topics.has(dlq)) {
      this.topics.set(dlq, new Topic(dlq, null, query));
      this.newObjects = true;
    }
    this.topics.get(dlq).append(record.value, now, { headers: [{ name: 'reason', value: reason }], format: 'text' });
    return reason;
  }

  #processed(topic, record, now, timestamp) {
    const fn = this.counters.page_event_function;
    const counters = this.counters.page_count;
    for (const each of [fn, counters]) {
      each.records += 1;
      each.rate.add(now);
    }
    const say = (outcome) => this.outcomes.set(`page_count ${topic} ${record.offset}`, outcome);
    if (typeof record.value === 'string') {
      this.#bad('page_event_function', topic, record, now);
      return say({ outcome: 'bad', reason: this.#bad('page_count', topic, record, now) });
    }
    const { name, duration = 0, date = null } = record.value;
    this.topics.get('R3').append({ name: `L:${name.length}`, user: 'UUUUUU', date, duration }, now, { timestamp });
    if (duration <= 100) {
      counters.filtered += 1;
      return say({ outcome: 'filtered', filter: { predicate: 'duration > 100', values: { duration } } });
    }
    const before = this.streamTime;
    this.streamTime = Math.max(before ?? 0, timestamp);
    const start = Math.floor(timestamp / WINDOW_MS) * WINDOW_MS;
    const end = start + WINDOW_MS;
    const lateBy = this.streamTime - end;
    const window = { window_start: instant(start), window_end: instant(end), late: lateBy >= 0 };
    if (lateBy >= 0) {
      const accepted = lateBy < GRACE_MS;
      const late_by_ms = accepted ? lateBy : lateBy - GRACE_MS;
      this.lateEvents.push({ topic, partition: 0, offset: record.offset, timestamp: record.timestamp, key: { name }, ...window, accepted, late_by_ms });
      if (!accepted) {
        counters.late += 1;
        counters.last_late = { topic, partition: 0, offset: record.offset, timestamp: record.timestamp, late_by_ms };
        return say({ outcome: 'late', key: { name }, windows: [window], reason: `${late_by_ms / 1_000} s after the window closed` });
      }
    }
    const rows = this.windows.get(start) ?? this.windows.set(start, new Map()).get(start);
    rows.set(name, (rows.get(name) ?? 0) + 1);
    const row = [name, instant(start), instant(end), rows.get(name)];
    this.changed.set(`${start} ${name}`, row);
    this.topics.get('R4').append(row[3], now, { key: `=>${row[1]}${row[2]}${name}`, timestamp });
    say({ outcome: 'counted', key: { name }, windows: [window] });
    for (const old of this.windows.keys()) {
      if (before !== null && before < old + WINDOW_MS + GRACE_MS && this.streamTime >= old + WINDOW_MS + GRACE_MS) this.finals.push(old);
      if (old <= this.streamTime - WINDOW_MS - GRACE_MS) this.windows.delete(old);
    }
  }

  rows() {
    return [...this.windows.entries()]
      .sort(([a], [b]) => a - b)
      .flatMap(([start, rows]) => [...rows].sort().map(([name, value]) => [name, instant(start), instant(start + WINDOW_MS), value]));
  }

  facts(name, now) {
    const { rate, ...counters } = this.counters[name];
    const table = name === 'page_count';
    const source = name === 'page_event_consumer' ? 'R1' : 'R2';
    const keys = this.rows().length;
    return {
      stream_time: table && this.streamTime ? instant(this.streamTime) : null,
      idle: false,
      delay_ms: 2 + Math.floor(Math.random() * 4),
      ...counters,
      records_per_second: rate.perSecond(now),
      records_out_per_second: rate.perSecond(now),
      lag: 0,
      state_bytes: table ? keys * 148 : 0,
      state_keys: table ? keys : 0,
      offsets: { [source]: { 0: this.topics.get(source).records.length } },
      last_update: instant(now),
    };
  }

  queries(now) {
    const value = (name, type) => ({ name, type, role: 'value' });
    const event = [value('name', 'TEXT'), value('user', 'TEXT'), value('date', 'TIMESTAMP'), value('duration', 'BIGINT')];
    const make = (name, kind, reads, writes, rest) => ({
      name,
      id: `${name}.1`,
      kind,
      state: 'running',
      error: null,
      application_id: `millstream-${name}`,
      statements: [{ name, kind, sql: SQL[name] }],
      reads,
      writes,
      dead_letters: `${name}-dlq`,
      columns: event,
      window: null,
      filter: null,
      facts: this.facts(name, now),
      ...rest,
    });
    return [
      make('page_count', 'table', ['R2'], ['R4'], {
        statements: ['page_count', 'page_visits'].map((name, index) => ({ name, kind: index ? 'stream' : 'table', sql: SQL[name] })),
        columns: [
          { name: 'name', type: 'TEXT', role: 'key' },
          { name: 'window_start', type: 'TIMESTAMP', role: 'window_start' },
          { name: 'window_end', type: 'TIMESTAMP', role: 'window_end' },
          value('visits', 'BIGINT'),
        ],
        window: { kind: 'tumbling', size_ms: WINDOW_MS, grace_ms: GRACE_MS, retention_ms: WINDOW_MS + GRACE_MS },
        filter: 'duration > 100',
      }),
      make('page_event_function', 'stream', ['R2'], ['R3'], {}),
      make('page_event_consumer', 'sink', ['R1'], [], {}),
    ];
  }

  generators(now) {
    return [
      {
        name: 'page_event_supplier',
        sql: SQL.page_event_supplier,
        topic: 'R2',
        every_ms: this.everyMs,
        state: this.paused ? 'paused' : 'running',
        reason: null,
        records: this.supplied,
        records_per_second: this.supplierRate.perSecond(now),
        last: instant(now),
      },
    ];
  }

  stats(now) {
    const queries = Object.keys(this.counters).map((name) => ({ name, state: 'running', facts: this.facts(name, now) }));
    const sum = (field) => queries.reduce((total, { facts }) => total + facts[field], 0);
    const rate = ['R1', 'R2', 'R3', 'R4'].reduce((total, name) => total + this.topics.get(name).rate.perSecond(now), 0);
    return {
      time: instant(now),
      events_per_second: Math.round(rate * 10) / 10,
      late: sum('late'),
      bad: sum('bad'),
      queries,
      generators: this.generators(now),
      stream: { clients: 1, dropped: 0 },
    };
  }
}
