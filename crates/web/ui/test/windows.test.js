// The chart's model: what is running, ended and closed; gaps and zeros; late corrections; the fold; reconnects.
import assert from 'node:assert/strict';
import test from 'node:test';
import { runnerImport } from 'vite';

const { module: model } = await runnerImport('./src/chart/windows.ts');
const { WindowHistory, shapeOf, OTHERS, valueOf } = model;

const COLUMNS = [
  { name: 'name', type: 'TEXT', role: 'key' },
  { name: 'window_start', type: 'TIMESTAMP', role: 'window_start' },
  { name: 'window_end', type: 'TIMESTAMP', role: 'window_end' },
  { name: 'visits', type: 'BIGINT', role: 'value' },
];
const S = 1_000;
const at = (seconds) => new Date(seconds * S).toISOString();
/** A five-second window that starts at `start`. */
const row = (key, start, value) => [key, at(start), at(start + 5), value];
const history = (rows = [], streamSeconds = 0, graceSeconds = 60) => {
  const made = new WindowHistory(shapeOf(COLUMNS), graceSeconds * S);
  made.replace(rows, streamSeconds * S);
  return made;
};
const plain = (points) => Object.fromEntries(points.series.map(({ key, values }) => [key, values]));

test('columns that are not those of a windowed table have no shape', () => {
  assert.deepEqual(shapeOf(COLUMNS), { keys: [0], keyNames: ['name'], start: 1, end: 2, value: 3 });
  assert.equal(shapeOf(COLUMNS.slice(0, 3)), null);
  assert.equal(shapeOf(COLUMNS.filter(({ role }) => role !== 'window_end')), null);
});

test('a window runs until stream time reaches its end, and is closed when grace is over', () => {
  const cases = [
    [0, false, 'running'],
    [9.999, false, 'running'],
    [10, false, 'ended'],
    [69.999, false, 'ended'],
    [70, false, 'closed'],
    [9.999, true, 'ended'],
  ];
  for (const [seconds, idle, phase] of cases) {
    const it = history([row('P1', 5, 1)], 0);
    it.update([], [], seconds * S, idle, 0);
    assert.equal(it.phase({ end: 10 * S }), phase, `${seconds} s, idle ${idle}`);
  }
});

test('points stand at the ends of windows that are over; the running one is apart', () => {
  const points = history([row('P1', 0, 3), row('P2', 0, 4), row('P1', 5, 7), row('P1', 10, 2)], 12).points(0);
  assert.deepEqual(points.x, [5 * S, 10 * S]);
  assert.deepEqual(plain(points), { P1: [3, 7], P2: [4, null] });
  assert.deepEqual(points.running.map(({ start, end }) => [start, end]), [[10 * S, 15 * S]]);
  assert.equal(valueOf(points.running[0], ['P1']), 2);
});

test('a missing window is a gap, a zero is a zero', () => {
  const points = history([row('P1', 0, 3), row('P1', 15, 0)], 25).points(0);
  assert.deepEqual(points.x, [5 * S, 10 * S, 20 * S]);
  assert.deepEqual(plain(points), { P1: [3, null, 0] });
  assert.deepEqual(points.cells.map((cell) => cell?.end ?? null), [5 * S, null, 20 * S]);
});

test('an update replaces values, adds series and never moves time back', () => {
  const it = history([row('P1', 0, 1)], 3);
  it.update([row('P1', 0, 2), row('P3', 0, 1)], [], 4 * S, false, 77);
  it.update([], [], 2 * S, false, 78);
  assert.equal(it.streamTime, 4 * S);
  assert.deepEqual([...it.get(5 * S).values], [['P1', 2], ['P3', 1]]);
  assert.equal(it.get(5 * S).updated, 77);
  assert.equal(it.get(5 * S).corrected.size, 0);
});

test('a change of a window that was over is a late correction', () => {
  const it = history([row('P1', 0, 1)], 7);
  it.update([row('P1', 0, 2)], [], 8 * S, false, 1);
  const cell = it.get(5 * S);
  const state = () => [[...cell.corrected], cell.late, cell.dropped];
  assert.deepEqual(state(), [[], 0, 0], 'only if the server says so');
  const record = { key: { name: 'P1' }, window_end: at(5), accepted: true };
  it.late(1, [record, { ...record, accepted: false }, { ...record, window_end: at(500), accepted: false }]);
  assert.deepEqual(state(), [['P1'], 1, 1]);
  // Counted, but not listed: the rows of the update just before.
  it.update([row('P2', 0, 9)], [], 8 * S, false, 1);
  it.late(3, []);
  assert.deepEqual(state(), [['P1', 'P2'], 4, 1]);
  it.late(1, []);
  assert.deepEqual(state(), [['P1', 'P2'], 4, 1]);
});

test('removed rows leave, and an empty window with them', () => {
  const it = history([row('P1', 0, 1), row('P2', 0, 1)], 3);
  it.update([], [['P1', at(0), at(5)]], 3 * S, false, 1);
  assert.deepEqual([...it.get(5 * S).values.keys()], ['P2']);
  it.update([], [['P2', at(0), at(5)]], 3 * S, false, 1);
  assert.equal(it.get(5 * S), undefined);
});

test('up to twelve series stand for themselves, then the smallest fold into others', () => {
  const rows = (count) => Array.from({ length: count }, (_, index) => row(`K${10 + index}`, 0, 100 - index));
  assert.equal(history(rows(12), 6).points(0).series.length, 12);
  const folded = history(rows(15), 6).points(0);
  assert.equal(folded.series.length, 13);
  const others = folded.series.at(-1);
  assert.equal(others.key, OTHERS);
  assert.deepEqual(others.members, ['K22', 'K23', 'K24']);
  assert.deepEqual(others.values, [88 + 87 + 86]);
});

test('hidden series are left out, the others keep their values', () => {
  const it = history([row('P1', 0, 1), row('P2', 0, 2)], 6);
  assert.deepEqual(plain(it.points(0, new Set(['P1']))), { P2: [2] });
});

test('a snapshot replaces what it covers; closed windows before it stay', () => {
  const it = history([row('P1', 0, 1), row('P1', 60, 5)], 70);
  it.replace([row('P1', 60, 6), row('P1', 65, 1)], 71 * S);
  assert.deepEqual(it.cells().map((cell) => [cell.end / S, cell.values.get('P1')]), [[5, 1], [65, 6], [70, 1]]);
  // Not closed, and not in the new snapshot: gone.
  const young = history([row('P1', 60, 5)], 66);
  young.replace([row('P1', 65, 1)], 67 * S);
  assert.deepEqual(young.cells().map(({ end }) => end / S), [70]);
});

test('history is bounded', () => {
  const it = new WindowHistory(shapeOf(COLUMNS), 0, 3);
  it.replace(Array.from({ length: 10 }, (_, index) => row('P1', index * 5, index)), 100 * S);
  assert.deepEqual(it.cells().map(({ end }) => end / S), [40, 45, 50]);
});
