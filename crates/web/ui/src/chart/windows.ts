// From rows of a windowed table to points of a chart.
//
// Owns the chart's bounded history of windows and says of each whether it is running, ended or closed.
// Never draws, never reads a clock: time comes in with the rows (stream time).

import type { Column, LateRecord, Row, Value } from '../contract.ts';

/** A window that is over stays as it is; a running one is provisional. */
export type Phase = 'running' | 'ended' | 'closed';

export type Cell = {
  start: number;
  end: number;
  /** Series key → value. No entry: no row, hence a gap. */
  values: Map<string, number>;
  /** Records that corrected this window after its end, and those that came too late for it. */
  late: number;
  dropped: number;
  /** When the last change arrived; null if it was there before this page was. */
  updated: number | null;
  /** Series whose value changed after the window's end. */
  corrected: Set<string>;
};

export type Shape = { keys: number[]; keyNames: string[]; start: number; end: number; value: number };

export type Series = { key: string; members: string[]; values: (number | null)[] };

export type Points = {
  /** Window ends, ascending. A gap between windows holds one extra x with null values. */
  x: number[];
  cells: (Cell | null)[];
  series: Series[];
  running: Cell[];
};

export const OTHERS = '\u0000others';
const SERIES_MAX = 12;

/** Where a row's columns are, or null if these columns are not those of a windowed table. */
export function shapeOf(columns: Column[], valueName?: string): Shape | null {
  const at = (role: string) => columns.findIndex((column) => column.role === role);
  const numeric = /^(BIGINT|INT|INTEGER|SMALLINT|DOUBLE|REAL|NUMERIC|DECIMAL)/;
  const value = columns.findIndex(
    (column) => column.role === 'value' && numeric.test(column.type) && (!valueName || column.name === valueName),
  );
  const start = at('window_start');
  const end = at('window_end');
  if (start < 0 || end < 0 || value < 0) return null;
  const keys = columns.flatMap((column, index) => (column.role === 'key' ? [index] : []));
  return { keys, keyNames: keys.map((index) => columns[index]!.name), start, end, value };
}

/** The series name of a row: its key columns, joined. */
export function seriesKey(values: Value[]): string {
  return values.map((value) => (value === null ? 'NULL' : String(value))).join(' · ');
}

export class WindowHistory {
  readonly shape: Shape;
  readonly windowsMax: number;
  graceMs: number;
  /** Largest event time that the query has seen; null before the first record. */
  streamTime: number | null = null;
  /** The query says that its input has been idle long enough to treat the running window as over. */
  idle = false;
  /** Grows with every change that can be seen. */
  version = 0;
  #cells = new Map<number, Cell>();
  #ends: number[] = [];
  /** What the last update changed in windows that were over: late corrections, if the server says so. */
  #suspects: { cell: Cell; key: string }[] = [];

  constructor(shape: Shape, graceMs: number, windowsMax = 720) {
    this.shape = shape;
    this.graceMs = graceMs;
    this.windowsMax = windowsMax;
  }

  /** Rows as of now. Windows older than all of them stay: closed windows never change. */
  replace(rows: Row[], streamTime: number | null): void {
    let oldest = Infinity;
    for (const row of rows) oldest = Math.min(oldest, this.#time(row[this.shape.end]));
    const marks = this.#cells;
    const kept = [...this.#cells.values()].filter((cell) => cell.end < oldest && this.phase(cell) === 'closed');
    this.#cells = new Map(kept.map((cell) => [cell.end, cell]));
    this.streamTime = streamTime;
    for (const row of rows) this.#put(row, null);
    for (const [end, cell] of this.#cells) {
      const before = marks.get(end);
      if (!before || before === cell) continue;
      cell.late = before.late;
      cell.dropped = before.dropped;
      cell.updated = before.updated;
      cell.corrected = before.corrected;
    }
    this.#order();
  }

  /** Changed rows, and time that has moved on. */
  update(rows: Row[], removed: Row[], streamTime: number | null, idle: boolean, now: number): void {
    const before = this.streamTime;
    this.#suspects = [];
    for (const row of rows) {
      const cell = this.#put(row, now);
      // Over before this update arrived, and changed by it. With several key partitions that alone proves nothing: each has
      // its own stream time.
      if (cell && before !== null && cell.end <= before) this.#suspects.push({ cell, key: this.#key(row) });
    }
    for (const row of removed) this.#remove(row);
    if (streamTime !== null && (before === null || streamTime > before)) this.streamTime = streamTime;
    this.idle = idle;
    this.#order();
  }

  /** Records came after the end of their window; the event follows the update with the corrected rows. */
  late(accepted: number, records: LateRecord[]): void {
    const unlisted = accepted - records.filter((record) => record.accepted).length;
    const suspects = unlisted > 0 ? this.#suspects : [];
    suspects.forEach(({ cell, key }, index) => {
      cell.corrected.add(key);
      cell.late += index === 0 ? Math.max(1, unlisted - suspects.length + 1) : 1;
    });
    this.#suspects = [];
    for (const record of records) {
      const cell = this.#cells.get(Date.parse(record.window_end));
      if (!cell) continue;
      if (record.accepted) {
        cell.late += 1;
        cell.corrected.add(seriesKey(this.shape.keyNames.map((name) => record.key[name] ?? null)));
      } else cell.dropped += 1;
    }
    this.version += 1;
  }

  phase(cell: { end: number }): Phase {
    if (this.streamTime === null) return 'running';
    if (this.streamTime >= cell.end + this.graceMs) return 'closed';
    return this.idle || this.streamTime >= cell.end ? 'ended' : 'running';
  }

  /** All windows, oldest first. */
  cells(): Cell[] {
    return this.#ends.map((end) => this.#cells.get(end)!);
  }

  get(end: number): Cell | undefined {
    return this.#cells.get(end);
  }

  /** The newest window that is over, and the newest that is not. */
  latest(): { ended: Cell | null; running: Cell | null } {
    let running: Cell | null = null;
    for (let at = this.#ends.length - 1; at >= 0; at -= 1) {
      const cell = this.#cells.get(this.#ends[at]!)!;
      if (this.phase(cell) !== 'running') return { ended: cell, running };
      running ??= cell;
    }
    return { ended: null, running };
  }

  /** Series and points of the windows that end after `from`. */
  points(from: number, hidden: ReadonlySet<string> = new Set()): Points {
    const cells = this.cells().filter((cell) => cell.end >= from);
    const running = cells.filter((cell) => this.phase(cell) === 'running');
    const over = cells.filter((cell) => this.phase(cell) !== 'running');

    const x: number[] = [];
    const at: (Cell | null)[] = [];
    let last: Cell | null = null;
    for (const cell of over) {
      // A window without any row is a gap, not a straight line across it.
      if (last && cell.start > last.end) {
        x.push(last.end + (cell.start - last.end) / 2);
        at.push(null);
      }
      x.push(cell.end);
      at.push(cell);
      last = cell;
    }

    const series = this.#fold(cells, over)
      .filter(({ key }) => !hidden.has(key))
      .map(({ key, members }) => ({ key, members, values: at.map((cell) => (cell ? valueOf(cell, members) : null)) }));
    return { x, cells: at, series, running };
  }

  /** The series of the chart: every key while there are at most 12, else the 12 largest and the others. */
  seriesKeys(from = -Infinity): { key: string; members: string[] }[] {
    const cells = this.cells().filter((cell) => cell.end >= from);
    return this.#fold(cells, cells.filter((cell) => this.phase(cell) !== 'running'));
  }

  #fold(cells: Cell[], over: Cell[]): { key: string; members: string[] }[] {
    const sums = new Map<string, number>();
    // Ranked by windows that are over, so that the fold does not flicker with the running one.
    for (const cell of cells) for (const key of cell.values.keys()) sums.set(key, 0);
    for (const cell of over) for (const [key, value] of cell.values) sums.set(key, sums.get(key)! + Math.abs(value));
    const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    const ranked = [...sums.keys()].sort((a, b) => sums.get(b)! - sums.get(a)! || byName(a, b));
    const own = ranked.slice(0, SERIES_MAX).sort(byName);
    const series = own.map((key) => ({ key, members: [key] }));
    const rest = ranked.slice(SERIES_MAX);
    if (rest.length > 0) series.push({ key: OTHERS, members: rest });
    return series;
  }

  #time(value: Value | undefined): number {
    return typeof value === 'string' ? Date.parse(value) : NaN;
  }

  #key(row: Row): string {
    return seriesKey(this.shape.keys.map((index) => row[index] ?? null));
  }

  #put(row: Row, now: number | null): Cell | null {
    const start = this.#time(row[this.shape.start]);
    const end = this.#time(row[this.shape.end]);
    if (!Number.isFinite(start) || !Number.isFinite(end)) return null;
    let cell = this.#cells.get(end);
    if (!cell) {
      cell = { start, end, values: new Map(), late: 0, dropped: 0, updated: now, corrected: new Set() };
      this.#cells.set(end, cell);
    }
    const value = row[this.shape.value];
    if (typeof value === 'number') cell.values.set(this.#key(row), value);
    else cell.values.delete(this.#key(row));
    if (now !== null) cell.updated = now;
    return cell;
  }

  /** `row` holds key and window columns only, in column order. */
  #remove(row: Row): void {
    const order = [...this.shape.keys, this.shape.start, this.shape.end].sort((a, b) => a - b);
    const cell = this.#cells.get(this.#time(row[order.indexOf(this.shape.end)]));
    if (!cell) return;
    cell.values.delete(seriesKey(this.shape.keys.map((index) => row[order.indexOf(index)] ?? null)));
    if (cell.values.size === 0) this.#cells.delete(cell.end);
  }

  #order(): void {
    this.#ends = [...this.#cells.keys()].sort((a, b) => a - b);
    while (this.#ends.length > this.windowsMax) this.#cells.delete(this.#ends.shift()!);
    this.version += 1;
  }
}

/** The value of a series in a window: of one key, or the sum of a fold. Null is a gap. */
export function valueOf(cell: Cell, members: string[]): number | null {
  let sum: number | null = null;
  for (const member of members) {
    const value = cell.values.get(member);
    if (value !== undefined) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** Records that a window counted, if its values are counts; the chart's readout shows it. */
export function total(cell: Cell): number {
  let sum = 0;
  for (const value of cell.values.values()) sum += value;
  return sum;
}
