// A stand-in for the server while the console is built: speaks docs/http.md over the pipeline beside it and serves dist/ with
// the real Content-Security-Policy. Development only.
//
//   node mock/server.js [--port 8080] [--every 100] [--history 0] [--late 0] [--pages 2] [--bad]
//   --history S  begins as if it had run for S seconds    --late S  a late record every S seconds    --bad  one bad record

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pipeline, instant } from './pipeline.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    every: { type: 'string', default: '100' },
    history: { type: 'string', default: '0' },
    late: { type: 'string', default: '0' },
    pages: { type: 'string', default: '2' },
    bad: { type: 'boolean', default: false },
    empty: { type: 'boolean', default: false },
  },
});
const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const everyMs = Number(options.every);
const pages = Array.from({ length: Number(options.pages) }, (_, index) => `P${index + 1}`);
const pipeline = new Pipeline({ everyMs, pages });
const epoch = Date.now();
if (options.empty) pipeline.paused = true;
for (let at = epoch - Number(options.history) * 1_000; at < epoch; at += everyMs) pipeline.supply(epoch - 6_000, at);
if (options.bad) pipeline.publish('R2', 'hello', epoch);
if (Number(options.history)) pipeline.publish('R1', pipeline.event('P1'), epoch - 6_000, epoch - 4_000);

setInterval(() => pipeline.paused || pipeline.supply(Date.now()), everyMs);
if (Number(options.late))
  setInterval(() => pipeline.supply(Date.now(), Date.now() - 9_000), Number(options.late) * 1_000);

const clients = new Set();
class Client {
  constructor(response) {
    this.response = response;
    this.seq = 0;
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
    response.write('retry: 1000\n');
    clients.add(this);
    response.on('close', () => clients.delete(this));
  }
  send(event, data) {
    this.response.write(`event: ${event}\nid: ${epoch}.${this.seq++}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
const all = (event, data) => clients.forEach((client) => client.send(event, data));

function snapshot(now) {
  return {
    time: instant(now),
    resumed: false,
    instance: {
      name: 'millstream',
      version: '0.1.0',
      epoch,
      mode: 'embedded',
      bootstrap: '127.0.0.1:9092',
      durability: 'fsync',
      data_dir: './millstream-data',
      demo: true,
      sql_file: 'examples/page-events/page-events.sql',
      cluster_id: 'mock',
    },
    queries: pipeline.queries(now).map((query) => ({ query, rows: query.window ? pipeline.rows() : [] })),
    topics: [...pipeline.topics.values()].map((topic) => topic.json(now)),
    generators: pipeline.generators(now),
    endpoints: [
      { name: 'publish', method: 'GET', path: '/publish/{topic}/{name}', writes: true, every_ms: null, sql: '' },
      { name: 'analytics', method: 'GET', path: '/analytics', writes: false, every_ms: 1_000, sql: '' },
    ],
    stats: pipeline.stats(now),
  };
}

setInterval(() => {
  const now = Date.now();
  if (pipeline.newObjects) {
    pipeline.newObjects = false;
    all('snapshot', snapshot(now));
  }
  if (pipeline.changed.size) {
    all('update', {
      query: 'page_count',
      time: instant(now),
      stream_time: instant(pipeline.streamTime),
      idle: false,
      rows: [...pipeline.changed.values()],
      removed: [],
      records: pipeline.counters.page_count.records,
    });
    pipeline.changed.clear();
  }
  const late = pipeline.lateEvents.splice(0);
  const accepted = late.filter((record) => record.accepted).length;
  if (late.length) all('late', { query: 'page_count', time: instant(now), accepted, dropped: late.length - accepted, records: late });
  for (const start of pipeline.finals.splice(0))
    all('final', { query: 'page_count', window_start: instant(start), window_end: instant(start + 5_000), stream_time: instant(pipeline.streamTime), rows: [] });
}, 100);
const lengths = new Map();
setInterval(() => {
  for (const topic of pipeline.topics.values()) {
    const rate = topic.rate.perSecond(Date.now());
    const state = `${topic.records.length} ${rate}`;
    if (lengths.get(topic.name) !== state) all('topic', topic.json(Date.now()));
    lengths.set(topic.name, state);
  }
}, 250);
setInterval(() => all('stats', pipeline.stats(Date.now())), 1_000);
setInterval(() => all('ping', { time: instant(Date.now()) }), 3_000);

const json = (response, body, status = 200, headers = {}) => {
  const problem = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'Content-Type': problem, ...headers });
  response.end(JSON.stringify(body));
};
const problem = (response, status, code, detail, fix = null) =>
  json(response, { type: 'about:blank', title: code, status, detail, fix, code, errors: [] }, status);

function api(request, response, url) {
  const now = Date.now();
  const part = url.pathname.split('/').slice(1).map(decodeURIComponent);
  if (url.pathname === '/v1/stream') {
    const client = new Client(response);
    return client.send('snapshot', snapshot(now));
  }
  if (part[1] === 'generators' && request.method === 'POST') {
    pipeline.paused = part[3] === 'pause';
    return json(response, pipeline.generators(now)[0]);
  }
  if (part[1] === 'tables') {
    if (url.searchParams.get('format') !== 'csv')
      return json(response, { table: part[2], rows: pipeline.rows(), offsets: {} });
    response.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Disposition': 'attachment; filename="page_count.csv"' });
    return response.end(['name,window_start,window_end,visits', ...pipeline.rows().map((row) => row.join(','))].join('\r\n'));
  }
  if (part[1] === 'queries' && part[3] === 'trace') {
    const outcome = pipeline.outcomes.get(`${part[2]} ${url.searchParams.get('topic')} ${url.searchParams.get('offset')}`);
    if (!outcome && part[2] === 'page_count') return problem(response, 404, 'unknown_record', 'there is no such record');
    return json(response, {
      query: part[2],
      topic: url.searchParams.get('topic'),
      partition: 0,
      offset: Number(url.searchParams.get('offset')),
      timestamp: instant(now),
      key: null,
      windows: [],
      filter: null,
      reason: null,
      ...(outcome ?? { outcome: 'passed' }),
    });
  }
  if (part[1] === 'topics' && part[3] === 'records' && request.method === 'POST') {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    return request.on('end', () => {
      const written = JSON.parse(body).records.map(({ value }) => pipeline.publish(part[2], value, Date.now()));
      json(response, { records: written.map(({ partition, offset, timestamp }) => ({ partition, offset, timestamp })) });
    });
  }
  if (part[1] === 'topics' && part[3] === 'records') {
    const from = Date.parse(url.searchParams.get('from'));
    const to = Date.parse(url.searchParams.get('to'));
    const records = pipeline.topics.get(part[2]).records.filter(({ timestamp }) => Date.parse(timestamp) >= from && Date.parse(timestamp) < to);
    return json(response, { topic: part[2], records: records.slice(0, Number(url.searchParams.get('limit'))), next: {} });
  }
  if (url.pathname === '/v1/sql' && request.method === 'POST') {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    return request.on('end', () => {
      const { sql } = JSON.parse(body);
      if (/durations/.test(sql)) {
        const fault = { statement: 1, line: 1, column: sql.indexOf('durations') + 1, length: 9, code: 'unknown_column', cause: 'unknown column `durations`; did you mean `duration`?', fix: 'write `duration`', excerpt: `${sql}\n${' '.repeat(sql.indexOf('durations'))}^^^^^^^^^` };
        return json(response, { title: 'Unknown column', status: 400, detail: fault.cause, fix: fault.fix, code: fault.code, errors: [fault] }, 400);
      }
      const columns = [['name', 'TEXT'], ['window_start', 'TIMESTAMP'], ['window_end', 'TIMESTAMP'], ['visits', 'BIGINT']].map(([name, type]) => ({ name, type }));
      return json(response, { statements: [{ statement: 1, line: 1, kind: 'select', name: null, outcome: 'rows', message: null, columns, rows: pipeline.rows() }] });
    });
  }
  return problem(response, 404, 'not_found', `there is nothing at ${url.pathname}`);
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://mock');
  if (url.pathname.startsWith('/v1/')) return api(request, response, url);
  const [, verb, topic, name] = url.pathname.split('/').map(decodeURIComponent);
  if (verb === 'publish') {
    if (!['R1', 'R2'].includes(topic)) return problem(response, 404, 'unknown_topic', `there is no topic ${topic}`, 'write to R1 or R2');
    const now = Date.now();
    const event = pipeline.event(name);
    const record = pipeline.publish(topic, name === 'hello' ? 'hello' : event, now);
    const headers = { 'Kafka-Topic': topic, 'Kafka-Partition': '0', 'Kafka-Offset': `${record.offset}`, 'Kafka-Timestamp': `${now}`, 'Cache-Control': 'no-store' };
    return json(response, event, 200, headers);
  }
  const asked = normalize(url.pathname);
  const file = join(DIST, extname(asked) && existsSync(join(DIST, asked)) ? asked : 'index.html');
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' });
  createReadStream(file).pipe(response);
}).listen(Number(options.port), '127.0.0.1', () => console.error(`mock on http://127.0.0.1:${options.port}/`));
