// Figures and times as the reader sees them. One locale for all of it.

const LOCALE = 'en-GB';
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const upToTwo = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const one = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' });

export const count = (value: number): string => whole.format(value);

export const figure = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : Math.abs(value) >= 1e7 ? compact.format(value) : upToTwo.format(value);

export const rate = (perSecond: number): string =>
  perSecond === 0 ? '0' : perSecond >= 10_000 ? compact.format(perSecond) : perSecond >= 100 ? whole.format(perSecond) : one.format(perSecond);

export const time = (ms: number): string => (Number.isFinite(ms) ? clock.format(ms) : '–');

/** Axis labels: seconds only where they say something. */
export const tick = (ms: number, stepMs: number): string => (stepMs >= 60_000 ? minute : clock).format(ms);

export const span = (start: number, end: number): string => `${time(start)}–${time(end)}`;

export function duration(ms: number): string {
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  if (ms < 60_000) return `${upToTwo.format(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${upToTwo.format(ms / 60_000)} min`;
  return `${upToTwo.format(ms / 3_600_000)} h`;
}

export function bytes(value: number): string {
  if (value < 1_024) return `${whole.format(value)} B`;
  if (value < 1_048_576) return `${one.format(value / 1_024)} KiB`;
  return `${one.format(value / 1_048_576)} MiB`;
}

export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** A record's value in one line. */
export function brief(value: unknown): string {
  return typeof value === 'string' ? value : value === null || value === undefined ? 'null' : JSON.stringify(value);
}
