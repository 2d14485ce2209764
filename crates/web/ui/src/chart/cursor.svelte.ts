// One cursor over all charts of the page: a moment in event time.

import { wakeNow } from './loop.ts';

class Cursor {
  /** Event time in ms, or null when nobody points at anything. */
  at = $state<number | null>(null);
  /** Moved by keys: then it is announced. */
  byKeys = $state(false);

  set(at: number | null, byKeys = false): void {
    if (at === this.at && byKeys === this.byKeys) return;
    this.at = at;
    this.byKeys = byKeys;
    wakeNow();
  }
}

export const cursor = new Cursor();

/** Pictures held by the reader; the data go on. */
class Hold {
  all = $state(false);
}

export const hold = new Hold();
