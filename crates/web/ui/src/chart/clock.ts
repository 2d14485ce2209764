// The right edge of a chart: event time, made smooth.
//
// Stream time moves in steps, as records arrive. Between two steps the edge runs on at the speed of real time, for a moment
// only; when nothing more arrives it stands still, and the chart costs nothing.

const LEAD_MAX_MS = 1_200;
const JUMP_MS = 10_000;
const EASE_MS = 140;

export class EdgeClock {
  #edge: number | null = null;
  #time: number | null = null;
  #at = 0;
  #last = 0;

  /** Stream time is `time` as of `now` (a monotonic clock, ms). */
  observe(time: number | null, now: number): void {
    if (time === null || time === this.#time) return;
    this.#time = time;
    this.#at = now;
  }

  /** Where the edge is at `now`, or null before the first record. */
  frame(now: number): number | null {
    if (this.#time === null) return null;
    const goal = this.#goal(now);
    const passed = Math.max(0, now - this.#last);
    this.#last = now;
    if (this.#edge === null || Math.abs(goal - this.#edge) > JUMP_MS) this.#edge = goal;
    else if (goal > this.#edge) this.#edge += (goal - this.#edge) * (1 - Math.exp(-passed / EASE_MS));
    return this.#edge;
  }

  /** Nothing moves any more until the next observation. */
  settled(now: number): boolean {
    if (this.#time === null) return true;
    return now - this.#at > LEAD_MAX_MS && this.#goal(now) - (this.#edge ?? 0) < 2;
  }

  #goal(now: number): number {
    return this.#time! + Math.min(Math.max(0, now - this.#at), LEAD_MAX_MS);
  }
}
