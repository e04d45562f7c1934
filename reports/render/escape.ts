// How does text from outside enter a document without becoming part of its language?

/** Markup that is safe to insert as it stands. Only `html`, `raw` and the two for scripts make one, so plain strings are always escaped. */
export class Html {
  readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
  toString(): string {
    return this.value;
  }
}

type Insertable = Html | string | number | undefined | readonly Insertable[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for HTML and XML, in elements and in quoted attributes. `>` too, so that `]]>` never ends a section. */
export function escapeMarkup(text: string): string {
  return plainText(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/**
 * Text without characters that XML 1.0 forbids (control characters, lone surrogates) or that reorder what stands around
 * them (bidirectional overrides): each becomes U+FFFD. Line breaks and tabs stay.
 */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, (c) => (/[\n\r\t]/.test(c) ? c : '\ufffd'));
}

function insert(value: Insertable): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.value;
  if (typeof value === 'object') return value.map(insert).join('');
  return escapeMarkup(String(value));
}

/** Template for markup: interpolated strings and numbers are escaped, `Html` is inserted, arrays are joined, `undefined` vanishes. */
export function html(parts: TemplateStringsArray, ...values: readonly Insertable[]): Html {
  return new Html(parts.map((part, i) => part + insert(values[i])).join(''));
}

/** Declares `markup` safe. For markup that this project made itself, never for data. */
export function raw(markup: string): Html {
  return new Html(markup);
}

/** JSON for a `<script type="application/json">`: no `<`, so neither `</script` nor `<!--` can occur inside. */
export function scriptJson(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(
      /[<>&\u2028\u2029]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );
}

/** JavaScript for an inline `<script>`: `</script` and `<!--` occur in strings and regular expressions only, where `\x3c` means `<`. */
export function scriptSource(source: string): Html {
  return new Html(source.replace(/<(?=\/script|!--)/gi, '\\x3c'));
}

/** Text as literal Markdown, also inside a table cell: one line, every character with a meaning disarmed. */
export function escapeMarkdown(text: string): string {
  return plainText(text)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\\`*_{}[\]()#!|~$]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@/g, '@\u200b')
    .replace(/:\/\//g, ':\u200b//');
}

/** Text for one line of a terminal: control characters, and so escape sequences, become visible. */
export function escapeTerminal(text: string): string {
  return plainText(text).replace(/\s+/g, ' ').trim();
}

/** A name fit for a file, an anchor and an id: lower case letters, digits and single dashes, never empty. */
export function slug(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return clean === '' ? 'unnamed' : clean;
}

/** `text` as one word of a POSIX shell; unchanged when it needs no quotes. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_\-.,/:=@%+]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
}
