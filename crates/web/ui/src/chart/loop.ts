// One animation loop for all charts. It runs while at least one of them moves, and never in a hidden tab.

/** Draws a frame; says whether another one is wanted. */
export type Painter = (now: number) => boolean;

const painters = new Set<Painter>();
const still = matchMedia('(prefers-reduced-motion: reduce)');
const STEP_MS = 1_000;
let frame = 0;
let timer = 0;

function paint(now: number): void {
  frame = 0;
  let more = false;
  for (const painter of painters) more = painter(now) || more;
  if (more) wake();
}

/** Something has changed: draw at the display's next frame, or at the next second if motion is to be reduced. */
export function wake(): void {
  if (document.hidden || frame || timer) return;
  if (!still.matches) {
    frame = requestAnimationFrame(paint);
    return;
  }
  timer = window.setTimeout(() => {
    timer = 0;
    frame = requestAnimationFrame(paint);
  }, STEP_MS - (Date.now() % STEP_MS));
}

/** As `wake`, but at once: the reader did something. */
export function wakeNow(): void {
  if (document.hidden || frame) return;
  frame = requestAnimationFrame(paint);
}

export function join(painter: Painter): () => void {
  painters.add(painter);
  wakeNow();
  return () => painters.delete(painter);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) wakeNow();
});
