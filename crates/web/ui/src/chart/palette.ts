// A key's look: colour, dash and marker, the same on every page load.
//
// Eight hues that stay apart for protan, deutan and tritan eyes (after Okabe and Ito, darkened or lightened until each has a
// contrast of at least 3 to 1 with its ground), times three dashes; the marker's shape goes with the hue. So colour is never alone.

export type Marker = 'circle' | 'square' | 'triangle' | 'diamond';
export type Look = { light: string; dark: string; dash: number[]; marker: Marker };

const HUES: [light: string, dark: string, marker: Marker][] = [
  ['#0069a8', '#56b4f0', 'circle'],
  ['#c2480a', '#ff9255', 'square'],
  ['#00795a', '#3ecf9b', 'triangle'],
  ['#a04a8c', '#e59ad0', 'diamond'],
  ['#846200', '#e8c245', 'square'],
  ['#5d42b0', '#b3a5fc', 'triangle'],
  ['#00767f', '#5fd6de', 'diamond'],
  ['#8a3030', '#f0a3a3', 'circle'],
];
// Long against short: an ended line always reads as a line, never as the dots of a running window.
const DASHES: number[][] = [[], [14, 4], [8, 3, 2, 3]];
const SLOTS = HUES.length * DASHES.length;
const FOLDED: Look = { light: '#6b6f76', dark: '#9aa0a8', dash: [4, 3], marker: 'circle' };

/** FNV-1a, with a start that gives the exercise's P1 and P2 the two hues that stand furthest apart. */
function hash(key: string): number {
  let state = 0x3669781b;
  for (const byte of new TextEncoder().encode(key)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return (state ^ (state >>> 15)) >>> 0;
}

/** Looks of one chart. A key gets the slot of its hash, or the next hue that nobody has; then keeps it. */
export class Looks {
  #slots = new Map<string, number>();
  #folded: string;

  constructor(folded: string) {
    this.#folded = folded;
  }

  of(key: string): Look {
    if (key === this.#folded) return FOLDED;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const taken = new Set(this.#slots.values());
      slot = hash(key) % HUES.length;
      for (let step = 0; step < SLOTS && taken.has(slot); step += 1) slot = (slot + 1) % SLOTS;
      this.#slots.set(key, slot);
    }
    const [light, dark, marker] = HUES[slot % HUES.length]!;
    return { light, dark, marker, dash: DASHES[Math.floor(slot / HUES.length) % DASHES.length]! };
  }
}
