// Single-key shortcuts. They can be switched off, and never fire while someone types.

import { remember, remembered } from './theme.svelte.ts';

const KEY = 'millstream.shortcuts';

class Shortcuts {
  on = $state(remembered(KEY) !== 'off');

  turn(): void {
    this.on = !this.on;
    remember(KEY, this.on ? 'on' : 'off');
  }

  /** The handler of `window`'s keydown: runs the action of a plain key. */
  handle(event: KeyboardEvent, actions: Record<string, () => void>): void {
    const target = event.target instanceof Element ? event.target : null;
    if (!this.on || event.altKey || event.ctrlKey || event.metaKey || target?.closest('input, select, textarea, dialog')) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

export const shortcuts = new Shortcuts();
