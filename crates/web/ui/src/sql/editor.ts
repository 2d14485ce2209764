// The SQL editor: CodeMirror, loaded only when someone wants to type.
//
// It lives in a shadow root, where CodeMirror's styles come as constructed style sheets: the page's policy allows no <style>.

import { autocompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { PostgreSQL, SQLDialect, sql } from '@codemirror/lang-sql';
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, drawSelection, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export type Mark = { line: number; column: number; length: number | null; text: string };
export type Schema = Record<string, string[]>;

export type Editor = {
  text(): string;
  focus(): void;
  marks(marks: Mark[]): void;
  schema(schema: Schema): void;
  close(): void;
};

// Our own words only: PostgreSQL's list makes a keyword of every second column name.
const dialect = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords:
    'select from where group by order limit having as and or not is in between like case when then else end asc desc distinct cast ' +
    'create drop show table stream sink generator endpoint with into emit changes final every partition interval tumble null true ' +
    'false default delete topic topics streams tables queries',
  types: 'text bigint int double boolean timestamp bytes',
});

const look = EditorView.theme({
  '&': { fontSize: 'inherit', color: 'var(--text)', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--code-font)', lineHeight: '1.6', minHeight: '132px', maxHeight: '360px' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 14px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 26%, transparent)',
  },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--hair)', borderRadius: '6px', color: 'var(--text)' },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--code-font)' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-diagnostic': { padding: '6px 10px', borderLeft: '2px solid var(--bad)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)' },
});

const ink = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, fontWeight: '600' },
    { tag: [tags.string, tags.number, tags.bool], color: 'var(--accent)' },
    { tag: tags.comment, color: 'var(--quiet)' },
  ]),
);

/**
 * Typed text goes straight into the document. Left to itself, the browser keeps the look of a selection that it overwrites in a
 * style attribute, which the page's policy refuses (rightly, and loudly).
 */
const typing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== 'insertText' || event.isComposing || view.composing || event.data === null) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    return true;
  },
});

export function open(parent: ShadowRoot, text: string, label: string, schema: Schema, run: () => void): Editor {
  const language = new Compartment();
  const speak = (names: Schema) => sql({ dialect, schema: names, upperCaseKeywords: true });
  const view = new EditorView({
    root: parent,
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        history(),
        drawSelection(),
        bracketMatching(),
        autocompletion({ icons: false }),
        language.of(speak(schema)),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        keymap.of([{ key: 'Mod-Enter', run: () => (run(), true) }, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        typing,
        look,
        ink,
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    focus: () => view.focus(),
    schema: (names) => view.dispatch({ effects: language.reconfigure(speak(names)) }),
    close: () => view.destroy(),
    marks(marks) {
      const { doc } = view.state;
      const diagnostics = marks.map((mark) => {
        const line = doc.line(Math.min(Math.max(mark.line, 1), doc.lines));
        const from = Math.min(line.from + Math.max(mark.column - 1, 0), line.to);
        const to = Math.min(from + Math.max(mark.length ?? 1, 1), doc.length);
        return { from, to: Math.max(to, from), severity: 'error' as const, message: mark.text };
      });
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
  };
}
