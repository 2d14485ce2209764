// The first page's weight: every file of dist/ that it loads, compressed as the server does (fonts are compressed already).
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUDGET = 250 * 1_024;
/** Loaded only when someone types SQL. */
const LATER = ['assets/editor.js'];
const dist = new URL('../dist/', import.meta.url).pathname;
let total = 0;
for (const name of readdirSync(dist, { recursive: true }).sort()) {
  if (!/\.\w+$/.test(name) || LATER.includes(name)) continue;
  const bytes = readFileSync(join(dist, name));
  const size = name.endsWith('.woff2') ? bytes.length : gzipSync(bytes, { level: 9 }).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${name}`);
}
console.log(`${String(total).padStart(8)}  of ${BUDGET} bytes`);
if (total > BUDGET) {
  console.error('the first page is too heavy');
  process.exit(1);
}
