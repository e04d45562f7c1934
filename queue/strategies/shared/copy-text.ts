// How does a row become a line of COPY's text format?
//
// Source: https://www.postgresql.org/docs/current/sql-copy.html, "File Formats", "Text Format"

/** What would end a field or a line, or begin an escape: `\.`, the end of the data, among them. */
const SPECIAL = /[\\\n\r\t]/;
const EVERY_SPECIAL = /[\\\n\r\t]/g;

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as a field. It must hold no NUL, which PostgreSQL cannot store. */
export function copyField(text: string): string {
  // Most have nothing to escape; to find that out is quicker than to replace nothing.
  return SPECIAL.test(text) ? text.replaceAll(EVERY_SPECIAL, (found) => ESCAPES[found] ?? found) : text;
}
