// What the page knows, as the stream tells it. Events change plain objects at once; the components see the change at most
// ten times a second.

import { WindowHistory, shapeOf, type Shape } from './chart/windows.ts';
import { EdgeClock } from './chart/clock.ts';
import { Looks } from './chart/palette.ts';
import { OTHERS } from './chart/windows.ts';
import { wake } from './chart/loop.ts';
import type {
  Endpoint,
  Facts,
  Fault,
  Final,
  Generator,
  Instance,
  Late,
  Query,
  Row,
  Snapshot,
  Stats,
  Topic,
  Update,
} from './contract.ts';
import { Stream, type Connection } from './stream.ts';

const FLUSH_MS = 100;
const MINUTE = 60;
const MARKS_MAX = 20;

/** An event that the reader published and that was counted. */
export type Mark = { time: number; series: string };

/** One point per second. */
export class RateHistory {
  readonly x: number[] = [];
  readonly y: number[] = [];

  constructor(readonly length: number) {}

  push(time: number, value: number): void {
    const last = this.x.at(-1);
    if (last !== undefined && time <= last) return;
    this.x.push(time);
    this.y.push(value);
    if (this.x.length > this.length) {
      this.x.shift();
      this.y.shift();
    }
  }
}

export class QueryLive {
  readonly identity: string;
  query: Query;
  rows: Row[] = [];
  readonly history: WindowHistory | null;
  readonly clock = new EdgeClock();
  readonly looks = new Looks(OTHERS);
  readonly rates = new RateHistory(5 * MINUTE);
  readonly marks: Mark[] = [];

  constructor(identity: string, query: Query) {
    this.identity = identity;
    this.query = query;
    const shape: Shape | null = query.window ? shapeOf(query.columns) : null;
    this.history = shape ? new WindowHistory(shape, query.window?.grace_ms ?? 0) : null;
  }

  get facts(): Facts {
    return this.query.facts;
  }

  mark(mark: Mark): void {
    this.marks.push(mark);
    if (this.marks.length > MARKS_MAX) this.marks.shift();
    wake();
  }

  /** Rows of a table without windows: the newest of each key. */
  merge(rows: Row[], removed: Row[]): void {
    const keys = this.query.columns.flatMap((column, index) => (column.role === 'key' ? [index] : []));
    const name = (row: Row) => JSON.stringify(keys.map((index) => row[index]));
    const byKey = new Map(this.rows.map((row) => [name(row), row]));
    for (const row of rows) byKey.set(name(row), row);
    for (const key of removed) byKey.delete(JSON.stringify(key));
    this.rows = [...byKey.values()];
  }
}

class Live {
  connection = $state<Connection>('connecting');
  instance = $state.raw<Instance | null>(null);
  queries = $state.raw<QueryLive[]>([]);
  topics = $state.raw<Topic[]>([]);
  generators = $state.raw<Generator[]>([]);
  endpoints = $state.raw<Endpoint[]>([]);
  stats = $state.raw<Stats | null>(null);
  /** Moves on with each flush; what derives from the plain objects reads it. */
  tick = $state(0);
  readonly events = new RateHistory(MINUTE);

  #flush = 0;
  #topics = new Map<string, Topic>();
  #ahead = 0;

  start(): void {
    new Stream(
      '/v1/stream?q=*&topic=*&stats=1&fps=10',
      {
        snapshot: (data) => this.#snapshot(data as Snapshot),
        update: (data) => this.#update(data as Update),
        final: (data) => this.#final(data as Final),
        late: (data) => this.#late(data as Late),
        topic: (data) => this.#topic(data as Topic),
        stats: (data) => this.#stats(data as Stats),
        error: (data) => this.#error(data as Fault & { query: string }),
        ping: (data) => this.#heard((data as { time: string }).time),
        end: () => {},
      },
      (state) => (this.connection = state),
    );
  }

  /** The server's clock. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  query(name: string): QueryLive | undefined {
    return this.queries.find((live) => live.query.name === name);
  }

  setGenerator(generator: Generator): void {
    this.generators = this.generators.map((old) => (old.name === generator.name ? generator : old));
  }

  #heard(time: string): void {
    const at = Date.parse(time);
    if (Number.isFinite(at)) this.#ahead = at - Date.now();
  }

  #changed(): void {
    wake();
    if (this.#flush) return;
    this.#flush = window.setTimeout(() => {
      this.#flush = 0;
      this.topics = [...this.#topics.values()];
      this.tick += 1;
    }, FLUSH_MS);
  }

  #snapshot(snapshot: Snapshot): void {
    this.#heard(snapshot.time);
    const known = new Map(this.queries.map((live) => [live.identity, live]));
    this.queries = snapshot.queries.map(({ query, rows }) => {
      const identity = `${snapshot.instance.cluster_id}/${query.id}`;
      const live = known.get(identity) ?? new QueryLive(identity, query);
      live.query = query;
      const streamTime = timeOf(query.facts.stream_time);
      if (live.history) {
        live.history.replace(rows, streamTime);
        live.clock.observe(streamTime, performance.now());
      } else live.rows = rows;
      return live;
    });
    this.instance = snapshot.instance;
    this.#topics = new Map(snapshot.topics.map((topic) => [topic.name, topic]));
    this.topics = snapshot.topics;
    this.generators = snapshot.generators;
    this.endpoints = snapshot.endpoints;
    if (snapshot.stats) this.#stats(snapshot.stats);
    this.#changed();
  }

  #update(update: Update): void {
    this.#heard(update.time);
    const live = this.query(update.query);
    if (!live) return;
    const streamTime = timeOf(update.stream_time);
    live.query.facts.stream_time = update.stream_time;
    if (live.history) {
      live.history.update(update.rows, update.removed, streamTime, update.idle, Date.parse(update.time));
      live.clock.observe(streamTime, performance.now());
    } else live.merge(update.rows, update.removed);
    this.#changed();
  }

  #final(final: Final): void {
    const live = this.query(final.query);
    if (!live?.history) return;
    const cell = live.history.get(Date.parse(final.window_end));
    // Its rows have come as updates; only a page that missed them needs these.
    if (!cell) live.history.update(final.rows, [], timeOf(final.stream_time), live.history.idle, NaN);
    this.#changed();
  }

  #late(late: Late): void {
    this.query(late.query)?.history?.late(late.accepted, late.records);
    this.#changed();
  }

  #topic(topic: Topic): void {
    this.#topics.set(topic.name, topic);
    this.#changed();
  }

  #stats(stats: Stats): void {
    this.#heard(stats.time);
    const at = Date.parse(stats.time);
    this.stats = stats;
    this.generators = stats.generators;
    this.events.push(at, stats.events_per_second);
    for (const { name, state, facts } of stats.queries) {
      const live = this.query(name);
      if (!live) continue;
      live.query.state = state;
      live.query.facts = facts;
      live.rates.push(at, facts.records_per_second);
    }
    this.#changed();
  }

  #error(fault: Fault & { query: string }): void {
    const live = this.query(fault.query);
    if (!live) return;
    live.query.state = 'failed';
    live.query.error = fault;
    this.#changed();
  }
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

export const live = new Live();
