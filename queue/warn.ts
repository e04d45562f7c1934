// Who is told of an error that nobody has asked to be told of?

/** Least time between two warnings of one source, in ms: what is away fails many times a second. */
const EVERY_MS = 10_000;
/** Of a message, in characters. */
const LENGTH = 500;

/**
 * Makes the handler of errors for `what`, where its user has given none: a warning of the process (`ClaimbenchWarning`, whose code
 * is `source`), at most one for each source in ten seconds. It says what the error says, and neither its stack nor a password.
 */
export function warn(what: string): (error: unknown, source: string) => void {
  const warnedMs = new Map<string, number>();
  return (error, source) => {
    const nowMs = performance.now();
    if (nowMs - (warnedMs.get(source) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return;
    warnedMs.set(source, nowMs);
    process.emitWarning(`${what}: ${messageOf(error)}`, { type: 'ClaimbenchWarning', code: source });
  };
}

/** In one line. Where several addresses were tried in vain, the error of the first one says why. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0)
    return messageOf(error.errors[0]);
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `${withoutPasswords(line).slice(0, LENGTH)}${code}`;
}

/** Addresses stand in errors whole: `postgres://user:password@host`. A password may hold anything but what ends it. */
function withoutPasswords(text: string): string {
  return text.replaceAll(/(\w:\/\/[^\s/:@]*):\S*@/g, '$1:…@').replaceAll(/(password\s*=\s*)[^\s&]+/gi, '$1…');
}
