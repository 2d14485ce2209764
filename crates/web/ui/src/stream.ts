// The one connection of the page: an EventSource that is never given up.
//
// Owns connecting, waiting and noticing silence. Never interprets what arrives.

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'stalled';

export type Handlers = Record<string, (data: unknown) => void>;

const SILENCE_MS = 8_000;
const HIDDEN_MS = 5_000;
const RETRY_MAX_MS = 5_000;

export class Stream {
  #url: string;
  #handlers: Handlers;
  #state: (state: Connection) => void;
  #source: EventSource | null = null;
  #everOpen = false;
  #lastEvent = 0;
  #retry = 0;
  #retryMs = 500;
  #hidden = 0;

  constructor(url: string, handlers: Handlers, state: (state: Connection) => void) {
    this.#url = url;
    this.#handlers = handlers;
    this.#state = state;
    window.setInterval(() => this.#watch(), 1_000);
    document.addEventListener('visibilitychange', () => this.#visibility());
    this.#open();
  }

  #open(): void {
    window.clearTimeout(this.#retry);
    this.#retry = 0;
    this.#source?.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    this.#lastEvent = performance.now();
    this.#state(this.#everOpen ? 'reconnecting' : 'connecting');

    source.onopen = () => {
      this.#retryMs = 500;
      this.#lastEvent = performance.now();
    };
    // The browser reconnects by itself while the connection breaks; only an answer that is not a stream (a proxy's 502,
    // a server that is still starting) ends an EventSource, and then a new one is opened here.
    source.onerror = () => {
      if (source !== this.#source) return;
      this.#state(this.#everOpen ? 'reconnecting' : 'connecting');
      if (source.readyState !== EventSource.CLOSED || this.#retry) return;
      this.#retry = window.setTimeout(() => this.#open(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    };
    for (const [name, handle] of Object.entries(this.#handlers)) {
      // The server's `error` events and the browser's own share a name; only the server's carry data.
      source.addEventListener(name, (event) => {
        const data: unknown = (event as MessageEvent).data;
        if (source !== this.#source || typeof data !== 'string') return;
        this.#lastEvent = performance.now();
        this.#everOpen = true;
        if (name !== 'end') this.#state('live');
        handle(JSON.parse(data));
      });
    }
  }

  #watch(): void {
    if (this.#source?.readyState !== EventSource.OPEN) return;
    if (performance.now() - this.#lastEvent > SILENCE_MS) this.#state('stalled');
  }

  /** A hidden page takes nothing; when it is seen again it starts with a snapshot. */
  #visibility(): void {
    window.clearTimeout(this.#hidden);
    if (document.hidden) {
      this.#hidden = window.setTimeout(() => {
        window.clearTimeout(this.#retry);
        this.#source?.close();
        this.#source = null;
      }, HIDDEN_MS);
    } else if (!this.#source) this.#open();
  }
}
