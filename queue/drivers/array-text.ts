// How does a list travel as PostgreSQL's text form of an array?
//
// Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO

/** `{…}` of what `element` makes of each: null stays NULL, lists within the list become dimensions. */
export function arrayText(list: readonly unknown[], element: (value: unknown) => string | null): string {
  const parts = list.map((value) => {
    if (Array.isArray(value)) return arrayText(value, element);
    const text = element(value);
    return text === null ? 'NULL' : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
  });
  return `{${parts.join(',')}}`;
}

/** A list out of `{…}`, each element but NULL read by `element`. Throws when the text is no array. */
export function parseArrayText(text: string, element: (text: string) => unknown): unknown[] {
  // Bounds that do not start at 1 stand before the braces: [0:1]={a,b}
  const from = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  const found = parseList(text, from, element);
  if (found.end !== text.length)
    throw new Error('the server sent an array that does not end where it should');
  return found.list;
}

/** One element at a time: quoted, a list, or bare. */
const ELEMENT = /"((?:[^"\\]|\\[\s\S])*)"|([^",{}]+)/y;

function parseList(text: string, from: number, element: (text: string) => unknown) {
  const list: unknown[] = [];
  if (text[from] !== '{') throw new Error('the server sent an array that does not begin with a brace');
  let at = from + 1;
  while (text[at] !== '}') {
    if (text[at] === '{') {
      const inner = parseList(text, at, element);
      list.push(inner.list);
      at = inner.end;
    } else {
      ELEMENT.lastIndex = at;
      const [whole, quoted, bare] = ELEMENT.exec(text) ?? [];
      if (whole === undefined) throw new Error(`the server sent an array that cannot be read at ${at}`);
      if (quoted !== undefined) list.push(element(quoted.replaceAll(/\\([\s\S])/g, '$1')));
      else list.push(bare === 'NULL' ? null : element(bare ?? ''));
      at += whole.length;
    }
    if (text[at] === ',') at += 1;
  }
  return { list, end: at + 1 };
}
