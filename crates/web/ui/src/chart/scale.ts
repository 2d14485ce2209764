// How far a chart reaches, in time and in value. Pure.

/** A round number at or above `value`, with a little air. */
export function ceiling(value: number): number {
  const wanted = Math.max(value * 1.12, 4);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/**
 * A young history grows from the left into a few windows of room; then it fills the picture; then a fixed number of windows
 * moves on.
 */
export function extent(
  edge: number,
  oldest: number,
  sizeMs: number,
  windows: { min: number; max: number },
): { from: number; to: number } {
  const to = Math.max(edge, oldest + windows.min * sizeMs);
  return { from: Math.max(oldest, to - windows.max * sizeMs), to };
}

const SECOND = 1_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400].map((s) => s * SECOND);

/** Round moments between two, as many as have room. */
export function moments(from: number, to: number, room: number): { step: number; at: number[] } {
  const step = STEPS.find((each) => (to - from) / each <= room) ?? 7 * 86_400 * SECOND;
  const at: number[] = [];
  for (let moment = Math.ceil(from / step) * step; moment <= to; moment += step) at.push(moment);
  return { step, at };
}

/** Moves `current` towards `goal`, and ends there. */
export function ease(current: number, goal: number, passedMs: number, overMs: number): number {
  const next = current + (goal - current) * (1 - Math.exp(-passedMs / overMs));
  return Math.abs(goal - next) < Math.abs(goal) * 0.002 + 1e-9 ? goal : next;
}
