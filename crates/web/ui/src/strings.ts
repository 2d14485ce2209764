// Every word of the console. A second language is a second object of this shape.

import type { Generator, Query, StatementOutcome, Trace, Value } from './contract.ts';
import { brief, count, duration, rate, span } from './format.ts';

const parse = (text: string) => Date.parse(text);

export const s = {
  name: 'Millstream',
  skip: 'Skip to the queries',
  copy: (what: string) => `Copy ${what}`,
  copied: 'Copied',
  copyFailed: 'Not copied: the browser refused. Select the text instead.',
  close: 'Close',
  back: 'All queries',

  header: {
    label: 'State of this instance',
    live: 'live',
    connecting: 'connecting',
    reconnecting: 'reconnecting',
    stalled: 'stalled',
    stateHelp: {
      live: 'Data arrive as they are counted.',
      connecting: 'Waiting for the first answer of the server.',
      reconnecting: 'The server does not answer. The page tries again by itself; what you see may be old.',
      stalled: 'Connected, but nothing has come for 8 seconds. What you see may be old.',
    },
    bootstrap: 'bootstrap',
    bootstrapCopy: 'bootstrap address',
    eventsPerSecond: 'events/s',
    sparkline: 'Events per second over the last minute',
    late: 'late',
    bad: 'bad',
    lateHelp: 'Records that came after their window was closed',
    badHelp: 'Records that could not be read',
    theme: { auto: 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' },
    keys: 'Keyboard shortcuts (?)',
  },

  reconnecting: 'No answer from the server. This page goes on by itself as soon as it is back.',
  stalled: 'The connection is open, but silent. Nothing has arrived for some seconds.',

  cards: {
    heading: 'Queries',
    empty: 'No query is running. Create one with millstream sql, or start with a file: millstream up page-events.sql',
    unknown: (name: string) => `There is no query named ${name}.`,
  },

  card: {
    sql: 'SQL',
    what: ({ kind, reads, writes }: Query) =>
      `${kind}, from ${reads.join(', ')}${writes.length > 0 ? ` to ${writes.join(', ')}` : ''}`,
    state: { starting: 'starting', restoring: 'restoring its state', running: 'running', blocked: 'waiting for room on the disk', failed: 'failed', stopped: 'stopped' },
    pause: 'Pause',
    resume: 'Resume',
    pauseHelp: 'Hold the picture; the query goes on',
    table: 'Table',
    csv: 'CSV',
    link: 'Link',
    linkHelp: 'Open this query on its own page',
    full: 'Full screen',
    failed: (cause: string, fix: string | null) => `This query has stopped: ${cause}.${fix ? ` ${fix}` : ''}`,
    paused: 'picture held',
    series: 'Show series',
    others: (keys: number) => `others (${keys})`,
    provisional: (value: string) => `now ${value}`,
    waiting: (topic: string) => `No events in ${topic} yet. Publish one, or write to it with any Kafka client.`,
    waitingPaused: (topic: string, generator: string) => `No events in ${topic}. ${generator} is paused.`,
    quiet: (topic: string, seconds: number) => `No events in ${topic} for ${count(seconds)} s.`,
    quietPaused: (topic: string, seconds: number) => `No events in ${topic} for ${count(seconds)} s. The supplier is paused.`,
    quietBlocked: (topic: string, reason: string) => `No events in ${topic}: ${reason}.`,
    resumeSupplier: 'Resume',
    rateTitle: 'records per second',
    countTitle: (value: string, size: string, by: string) => `${value} per ${by}, windows of ${size}`,
  },

  facts: {
    window: 'window',
    windowText: (kind: string, size: number, grace: number) => `${duration(size)} ${kind}, grace ${duration(grace)}`,
    streamTime: 'stream time',
    delay: 'delay',
    state: 'state',
    stateText: (keys: number | null, size: string) => (keys === null ? size : `${count(keys)} rows, ${size}`),
    read: 'read',
    filtered: 'filtered',
    late: 'late',
    bad: 'bad',
    nullKeys: 'null keys',
    lag: 'behind',
  },

  chart: {
    label: (title: string, latest: string) => `Chart: ${title}. ${latest}`,
    latest: (window: string, values: string) => `Last full window ${window}: ${values}.`,
    none: 'No window has ended yet.',
    help: 'Left and right arrow keys move through the windows, Enter shows the records behind one, Escape leaves.',
    running: 'running',
    ended: 'ended',
    closed: 'closed',
    window: 'Window',
    total: 'total',
    counted: 'counted',
    updated: 'last update',
    late: 'late',
    tooLate: 'too late',
    yours: (name: string) => `your ${name}`,
    records: 'Records (Enter)',
    beforePage: 'before this page',
    announce: (window: string, phase: string, values: string) => `${window}, ${phase}: ${values}`,
    phaseHelp: {
      running: 'provisional: the window is still open',
      ended: 'over; a late record may still correct it',
      closed: 'closed; it never changes again',
    },
  },

  table: {
    caption: (name: string) => `Windows of ${name}, newest first`,
    state: 'State',
    note: 'Note',
    corrected: (records: number) => `corrected by ${count(records)} late ${records === 1 ? 'record' : 'records'}`,
    tooLate: (records: number) => `${count(records)} too late`,
    newer: 'Newer',
    older: 'Older',
    page: (from: number, to: number, of: number) => `${count(from)}–${count(to)} of ${count(of)}`,
    empty: 'No rows yet.',
    noValue: 'no events',
  },

  records: {
    title: (topic: string, start: number, end: number) => `Records of ${topic} in ${span(start, end)}`,
    empty: 'There are no records of this window any more: the topic has been cut, or the window is empty.',
    loading: 'Reading…',
    offset: 'Offset',
    partition: 'Partition',
    time: 'Time',
    key: 'Key',
    value: 'Value',
    became: 'Became',
    ask: 'Trace',
    askHelp: (offset: number) => `What became of record ${offset}?`,
    more: (shown: number) => `The first ${count(shown)} are shown.`,
  },

  story: {
    heading: 'Where the figures come from',
    flow: 'Topics and queries, in the order of the data',
    http: 'you, over HTTP',
    publish: 'publish',
    newest: 'newest',
    offset: (offset: number) => `@${count(offset)}`,
    partitionOffset: (partition: number, offset: number) => `${partition} @${count(offset)}`,
    empty: 'empty',
    emptyTopic: 'No record yet.',
    rate: (perSecond: number) => `${rate(perSecond)}/s`,
    rateLabel: (from: string, to: string, perSecond: number) => `${from} to ${to}: ${rate(perSecond)} records per second`,
    topic: 'topic',
    generator: 'generator',
    every: (ms: number) => `every ${duration(ms)}`,
    pause: (name: string) => `Pause ${name}`,
    resume: (name: string) => `Resume ${name}`,
    generatorState: { running: 'running', paused: 'paused', blocked: 'blocked' } satisfies Record<Generator['state'], string>,
    prints: 'prints each event',
    maps: 'rewrites each event',
    counts: (size: number) => `counts in ${duration(size)} windows`,
    aggregates: 'running aggregate',
    ago: (seconds: number) => (seconds < 1 ? 'now' : seconds < 120 ? `${count(seconds)} s ago` : `${count(seconds / 60)} min ago`),
    from: (topic: string) => `from ${topic}`,
  },

  trouble: {
    heading: 'Refused records',
    bad: (query: string, bad: number) => `${query} could not read ${count(bad)} ${bad === 1 ? 'record' : 'records'}.`,
    late: (query: string, late: number) => `${query}: ${count(late)} ${late === 1 ? 'record' : 'records'} came too late.`,
    lateBy: (ms: number) => `The newest was ${duration(ms)} late.`,
    kept: (topic: string) => `Kept in ${topic}, with the reason in its headers. Counting goes on.`,
    newest: 'Newest',
    earlier: (topic: string) => `${topic} keeps records that were refused before this start.`,
  },

  publish: {
    heading: 'Publish an event',
    topic: 'Topic',
    page: 'Page',
    send: 'Publish',
    sending: 'Publishing…',
    sent: (topic: string, partition: number, offset: number) => `${topic}, partition ${partition}, offset ${count(offset)}`,
    noName: 'Give the page a name, for example P1.',
    became: (trace: Trace): string => {
      const window = trace.windows[0];
      const where = window ? span(parse(window.window_start), parse(window.window_end)) : '';
      switch (trace.outcome) {
        case 'counted':
          return where ? `counted in ${where}${window?.late ? ', late' : ''}` : 'counted';
        case 'filtered': {
          const filter = trace.filter;
          if (!filter) return 'filtered';
          return `${opposite(filter.predicate, filter.values)}: filtered`;
        }
        case 'late':
          return `too late for ${where}${trace.reason ? `: ${trace.reason}` : ''}`;
        case 'null_key':
          return 'not counted: it has no group key';
        case 'bad':
          return `refused: ${trace.reason ?? 'it could not be read'}`;
        case 'passed':
          return 'passed on';
        case 'pending':
          return 'written; not processed yet';
      }
    },
    unread: 'written; no query reads this topic',
    traceFailed: (why: string) => `written; what became of it is not known: ${why}`,
  },

  commands: {
    heading: 'Try it from a terminal',
    consume: 'Read the counts, as any Kafka client does',
    publish: 'Publish an event, as the button does',
    bad: 'Type something that is not an event',
  },

  sql: {
    heading: 'Ask, or change what runs',
    label: 'SQL statements',
    run: 'Run',
    hint: 'Ctrl+Enter runs. SELECT from a table, SHOW TOPICS, CREATE, DROP: what millstream sql does.',
    at: (line: number, column: number) => `Line ${line}, column ${column}`,
    outcome: ({ outcome, kind, name, message }: StatementOutcome) =>
      [`${kind.replaceAll('_', ' ').toUpperCase()}${name ? ` ${name}` : ''}: ${outcome}`, message].filter(Boolean).join('. '),
    result: (statement: number) => `Result of statement ${statement}`,
    rows: (shown: number, all: number) => (shown === all ? `${count(all)} rows` : `${count(shown)} of ${count(all)} rows`),
  },

  keys: {
    heading: 'Keys',
    rows: [
      ['?', 'this sheet'],
      ['j  k', 'next, previous query'],
      ['← →', 'move the cursor over all charts'],
      ['Home  End', 'oldest, newest window'],
      ['Enter', 'the records behind the window'],
      ['Esc', 'leave the cursor, close'],
      ['p', 'hold or release the pictures'],
      ['t', 'theme'],
      ['n', 'publish an event'],
    ],
    off: 'Single-key shortcuts',
  },

  problem: {
    network: 'the server does not answer',
    text: (detail: string, fix: string | null) => (fix && !detail.includes(fix) ? `${sentence(detail)} ${sentence(fix)}` : sentence(detail)),
  },
};

/** Messages come lower-case and without an end. */
function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.?!]$/.test(trimmed) ? '' : '.');
}

const OPPOSITES: Record<string, string> = { '>': '≤', '>=': '<', '<': '≥', '<=': '>', '=': '≠', '<>': '=', '!=': '=' };

/** Why a predicate did not hold: "duration > 100" of a record with 87 → "duration 87 ≤ 100". */
export function opposite(predicate: string, values: Record<string, Value>): string {
  const shown = Object.entries(values).map(([name, value]) => `${name} ${brief(value)}`);
  const simple = /^"?(\w+)"? (>=|<=|<>|!=|>|<|=) (\S+|'[^']*')$/.exec(predicate);
  if (simple && shown.length === 1 && simple[1]! in values && values[simple[1]!] !== null)
    return `${shown[0]} ${OPPOSITES[simple[2]!]} ${simple[3]}`;
  return `${shown.join(', ')} is not ${predicate}`;
}
