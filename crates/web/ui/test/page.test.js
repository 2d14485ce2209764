// Scales, the edge of time, looks and the pipeline's picture.
import assert from 'node:assert/strict';
import test from 'node:test';
import { runnerImport } from 'vite';

const load = async (path) => (await runnerImport(path)).module;
const { ceiling, ease, extent, moments } = await load('./src/chart/scale.ts');
const { EdgeClock } = await load('./src/chart/clock.ts');
const { Looks } = await load('./src/chart/palette.ts');
const { layout } = await load('./src/story/graph.ts');

test('a ceiling is round and leaves air', () => {
  for (const [value, expected] of [[0, 4], [3, 4], [25, 30], [36, 50], [44, 50], [90, 125], [1_000, 1_250]])
    assert.equal(ceiling(value), expected, `${value}`);
});

test('the picture starts at the first window, then moves on', () => {
  const windows = { min: 4, max: 24 };
  assert.deepEqual(extent(103, 100, 5, windows), { from: 100, to: 120 });
  assert.deepEqual(extent(150, 100, 5, windows), { from: 100, to: 150 });
  assert.deepEqual(extent(1_000, 100, 5, windows), { from: 880, to: 1_000 });
});

test('labels stand at round moments', () => {
  assert.deepEqual(moments(12_300, 41_000, 7), { step: 5_000, at: [15_000, 20_000, 25_000, 30_000, 35_000, 40_000] });
  assert.equal(moments(0, 3_600_000, 7).step, 600_000);
});

test('easing ends', () => {
  let value = 0;
  for (let frame = 0; frame < 400 && value !== 50; frame += 1) value = ease(value, 50, 16, 160);
  assert.equal(value, 50);
});

test('the edge runs on for a moment, never back, and then rests', () => {
  const clock = new EdgeClock();
  assert.equal(clock.frame(0), null);
  assert.ok(clock.settled(0));
  clock.observe(100_000, 0);
  assert.equal(clock.frame(0), 100_000);
  let last = 100_000;
  for (let now = 16; now <= 4_000; now += 16) {
    const edge = clock.frame(now);
    assert.ok(edge >= last);
    last = edge;
  }
  assert.ok(last > 101_190 && last <= 101_200, `${last}`);
  assert.ok(clock.settled(4_000));
  clock.observe(103_900, 4_000);
  assert.ok(!clock.settled(4_016));
  // A jump (a replay of old data, a long pause) is not animated.
  clock.observe(900_000, 5_000);
  assert.equal(clock.frame(5_000), 900_000);
});

test('a key keeps its look; two keys never share one', () => {
  const first = new Looks('others');
  const second = new Looks('others');
  assert.deepEqual(first.of('P1'), second.of('P1'));
  const looks = Array.from({ length: 24 }, (_, index) => JSON.stringify(first.of(`page ${index}`)));
  looks.push(JSON.stringify(first.of('P1')));
  assert.ok(new Set(looks).size >= 24);
  assert.notEqual(first.of('P1').light, second.of('P2').light);
});

const query = (name, kind, reads, writes) => ({ name, kind, reads, writes });
const place = (graph) => Object.fromEntries(graph.nodes.map(({ id, column, row, rowEnd }) => [id, [column, row, rowEnd]]));

test('the page-events story', () => {
  const graph = layout(
    [
      query('page_count', 'table', ['R2'], ['R4']),
      query('page_event_consumer', 'sink', ['R1'], []),
      query('page_event_function', 'stream', ['R2'], ['R3']),
    ],
    [{ name: 'page_event_supplier', topic: 'R2' }],
    [{ name: 'publish', path: '/publish/{topic}/{name}', writes: true }],
    [],
  );
  assert.deepEqual(place(graph), {
    'http publish': [0, 0, 0],
    'topic R1': [1, 0, 0],
    'query page_event_consumer': [2, 0, 0],
    'generator page_event_supplier': [0, 1, 1],
    'topic R2': [1, 1, 2],
    'query page_event_function': [2, 1, 1],
    'topic R3': [3, 1, 1],
    'query page_count': [2, 2, 2],
    'topic R4': [3, 2, 2],
  });
  assert.deepEqual([graph.columns, graph.rows], [4, 3]);
  assert.ok(graph.arrows.every(({ beside }) => beside));
});

test('a query on a topic that it also writes does not hang the picture', () => {
  const graph = layout([query('loop', 'stream', ['A'], ['A'])], [], [], []);
  assert.equal(graph.nodes.length, 2);
});

test('two topics joined, a chain behind', () => {
  const graph = layout(
    [query('both', 'stream', ['A', 'B'], ['C']), query('sum', 'table', ['C'], [])],
    [],
    [],
    [],
  );
  const at = place(graph);
  assert.deepEqual(at['query both'].slice(0, 2), [2, 0]);
  assert.deepEqual(at['topic B'].slice(0, 2), [1, 1]);
  assert.deepEqual(at['query sum'].slice(0, 2), [4, 0]);
});

test('a filtered record is told why', async () => {
  const { opposite } = await load('./src/strings.ts');
  for (const [predicate, values, expected] of [
    ['duration > 100', { duration: 87 }, 'duration 87 ≤ 100'],
    ["name = 'P1'", { name: 'P2' }, "name P2 ≠ 'P1'"],
    ['duration > 100', { duration: null }, 'duration null is not duration > 100'],
    ['a > 1 AND b > 1', { a: 0, b: 2 }, 'a 0, b 2 is not a > 1 AND b > 1'],
  ])
    assert.equal(opposite(predicate, values), expected);
});

test('a one-line statement gets its lines', async () => {
  const { lines } = await load('./src/sql/lines.ts');
  for (const [statement, expected] of [
    ["CREATE TABLE t AS SELECT a FROM TUMBLE(b, INTERVAL '5 s') GROUP BY a EMIT CHANGES", "CREATE TABLE t AS\n  SELECT a\n  FROM TUMBLE(b, INTERVAL '5 s')\n  GROUP BY a\n  EMIT CHANGES"],
    ["SELECT ' FROM x', (SELECT 1)", "SELECT ' FROM x', (SELECT 1)"],
    ['two\nlines FROM a', 'two\nlines FROM a'],
  ])
    assert.equal(lines(statement), expected);
});
