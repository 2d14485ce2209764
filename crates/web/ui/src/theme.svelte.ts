// Light, dark, or as the system says. The only thing beside the shortcut switch that the page remembers.

import { wakeNow } from './chart/loop.ts';

export type Choice = 'auto' | 'light' | 'dark';

const KEY = 'millstream.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<Choice>('auto');
  dark = $state(false);

  start(): void {
    const stored = remembered(KEY);
    if (stored === 'light' || stored === 'dark') this.choice = stored;
    system.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  next(): void {
    this.choice = this.choice === 'auto' ? (this.dark ? 'light' : 'dark') : this.choice === 'dark' ? 'light' : 'dark';
    if ((this.choice === 'dark') === system.matches) this.choice = 'auto';
    remember(KEY, this.choice);
    this.#apply();
  }

  #apply(): void {
    this.dark = this.choice === 'auto' ? system.matches : this.choice === 'dark';
    if (this.choice === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
    wakeNow();
  }
}

/** Storage may be switched off; then the page remembers nothing. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}

export const theme = new Theme();
