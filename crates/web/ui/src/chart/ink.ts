// Colours and fonts of what is drawn on a canvas; the twin of app.css's tokens.

export type Ink = {
  ground: string;
  text: string;
  quiet: string;
  grid: string;
  band: string;
  accent: string;
  warn: string;
  font: string;
  fontStrong: string;
};

const FAMILY = "'JetBrains Mono', ui-monospace, monospace";
const fonts = { font: `11px ${FAMILY}`, fontStrong: `600 12px ${FAMILY}` };

export const LIGHT: Ink = {
  ground: '#fcfcfa',
  text: '#17191c',
  quiet: '#5a5f66',
  grid: '#ebebe6',
  band: 'rgba(11, 102, 131, 0.045)',
  accent: '#0b6683',
  warn: '#8a5a00',
  ...fonts,
};

export const DARK: Ink = {
  ground: '#0f1113',
  text: '#e8eaed',
  quiet: '#9ba2ab',
  grid: '#1f2327',
  band: 'rgba(98, 198, 222, 0.06)',
  accent: '#62c6de',
  warn: '#eab84a',
  ...fonts,
};
