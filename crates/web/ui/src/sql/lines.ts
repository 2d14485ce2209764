// A statement as the server keeps it is one line; a reader wants its clauses under each other. Pure.

const CLAUSE = /^(SELECT|FROM|WHERE|GROUP BY|PARTITION BY|ORDER BY|HAVING|LIMIT|EMIT)\b/i;

/** Breaks a one-line statement before its clauses, outside of brackets and quotes. Other texts stay as they are. */
export function lines(statement: string): string {
  if (statement.includes('\n')) return statement;
  let out = '';
  let depth = 0;
  let quote = '';
  for (let at = 0; at < statement.length; at += 1) {
    const char = statement[at]!;
    if (quote) {
      if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === ' ' && depth === 0 && CLAUSE.test(statement.slice(at + 1))) {
      out += '\n  ';
      continue;
    }
    out += char;
  }
  return out;
}
