// Where the nodes of a pipeline stand: sources on the left, topics and queries in alternating columns, one row per branch.
//
// Pure. Rates are not here; they change every second, the picture does not.

import type { Endpoint, Generator, Query, Topic } from '../contract.ts';

export type NodeKind = 'http' | 'generator' | 'topic' | 'query';

export type Node = {
  id: string;
  kind: NodeKind;
  name: string;
  column: number;
  row: number;
  /** Last row that it covers: a topic with several readers stands beside all of them. */
  rowEnd: number;
};

export type Arrow = {
  from: Node;
  to: Node;
  row: number;
  /** Drawn in the space before `to`'s column; false if the nodes do not stand beside each other. */
  beside: boolean;
};

export type Graph = { nodes: Node[]; arrows: Arrow[]; columns: number; rows: number };

/** Readers of a topic: functions first, then sinks, then tables. */
const ORDER: Record<Query['kind'], number> = { stream: 0, sink: 1, table: 2 };

export function layout(queries: Query[], generators: Generator[], endpoints: Endpoint[], topics: Topic[]): Graph {
  const nodes = new Map<string, Node>();
  const edges: [from: string, to: string][] = [];
  const add = (kind: NodeKind, name: string): string => {
    const id = `${kind} ${name}`;
    if (!nodes.has(id)) nodes.set(id, { id, kind, name, column: 0, row: -1, rowEnd: -1 });
    return id;
  };

  const sorted = [...queries].sort((a, b) => ORDER[a.kind] - ORDER[b.kind]);
  const written = new Set([...queries.flatMap((query) => query.writes), ...generators.map(({ topic }) => topic)]);
  // What only people write to comes first: the page's own publish form does what such an endpoint does.
  const open = [...new Set(sorted.flatMap((query) => query.reads))].filter((topic) => !written.has(topic));
  const publish = endpoints.find((endpoint) => endpoint.writes);
  if (publish) for (const topic of open) edges.push([add('http', publish.name), add('topic', topic)]);
  for (const generator of generators) edges.push([add('generator', generator.name), add('topic', generator.topic)]);
  for (const query of sorted) {
    const id = add('query', query.name);
    for (const topic of query.reads) edges.push([add('topic', topic), id]);
    for (const topic of query.writes) edges.push([id, add('topic', topic)]);
  }
  // Topics that nobody names stand alone; a stream of dead letters is told elsewhere.
  if (queries.length === 0) for (const topic of topics) if (!topic.dead_letters_of) add('topic', topic.name);

  const depth = (id: string, seen: ReadonlySet<string>): number => {
    const before = edges.filter(([from, to]) => to === id && !seen.has(from));
    return before.length === 0 ? 0 : 1 + Math.max(...before.map(([from]) => depth(from, new Set([...seen, id]))));
  };
  for (const node of nodes.values()) {
    const steps = depth(node.id, new Set());
    // A topic without a known writer stands in the column of topics, not in that of the sources.
    node.column = node.kind === 'topic' && steps === 0 ? 1 : node.kind === 'query' && steps === 1 ? 2 : steps;
  }
  for (let round = 0; round < nodes.size; round += 1)
    for (const [from, to] of edges) {
      const wanted = nodes.get(from)!.column + 1;
      if (nodes.get(to)!.column < wanted && wanted < nodes.size) nodes.get(to)!.column = wanted;
    }

  let rows = 0;
  const place = (id: string, row: number): number => {
    const node = nodes.get(id)!;
    if (node.row >= 0) return row - 1;
    node.row = row;
    let last = row;
    let next = row;
    for (const [from, to] of edges) {
      if (from !== id || nodes.get(to)!.row >= 0) continue;
      last = Math.max(last, place(to, next));
      next = last + 1;
    }
    node.rowEnd = node.kind === 'topic' ? last : row;
    return last;
  };
  const roots = [...nodes.keys()].filter((id) => !edges.some(([, to]) => to === id));
  for (const id of [...roots, ...nodes.keys()]) if (nodes.get(id)!.row < 0) rows = place(id, rows) + 1;

  const arrows = edges.map(([from, to]) => {
    const [source, target] = [nodes.get(from)!, nodes.get(to)!];
    const beside = source.column + 1 === target.column && source.row <= target.row && target.row <= source.rowEnd;
    const covers = source.column + 1 === target.column && target.row <= source.row && source.row <= target.rowEnd;
    return { from: source, to: target, row: beside ? target.row : source.row, beside: beside || covers };
  });
  const placed = [...nodes.values()];
  return { nodes: placed, arrows, columns: Math.max(0, ...placed.map(({ column }) => column)) + 1, rows };
}
