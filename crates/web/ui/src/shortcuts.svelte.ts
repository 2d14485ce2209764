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
    if (!this.on || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    // The whole path: the SQL editor types inside a shadow root.
    const typing = event.composedPath().some(
      (on) => on instanceof HTMLElement && (on.isContentEditable || on.matches('input, select, textarea, dialog')),
    );
    if (typing) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

export const shortcuts = new Shortcuts();
