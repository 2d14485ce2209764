// How far a chart reaches, in time and in value. Pure.

/** A round number at or above `value`, with a little air. */
export function ceiling(value: number): number {
  const wanted = Math.max(value * 1.12, 4);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/** From `oldest` while the history is short, then a fixed number of windows that moves on. */
export function extent(
  edge: number,
  oldest: number,
  sizeMs: number,
  windows: { min: number; max: number },
): { from: number; to: number } {
  const span = Math.min(Math.max(edge - oldest, windows.min * sizeMs), windows.max * sizeMs);
  return { from: edge - span, to: edge };
}

/** Moves `current` towards `goal`, and ends there. */
export function ease(current: number, goal: number, passedMs: number, overMs: number): number {
  const next = current + (goal - current) * (1 - Math.exp(-passedMs / overMs));
  return Math.abs(goal - next) < Math.abs(goal) * 0.002 + 1e-9 ? goal : next;
}
