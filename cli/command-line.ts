// How is the command line kept, so that a run can be repeated and no password is?

/** The words after `claimbench`, with passwords of addresses taken out and the seed that was drawn put in. */
export function withoutPasswords(words: readonly string[], seed: number): string[] {
  const kept = words.map(withoutPassword);
  return kept.some((word) => word === '--seed' || word.startsWith('--seed='))
    ? kept
    : [...kept, '--seed', String(seed)];
}

/**
 * The parameters go first: an @ in one of them would pass for the end of the password before the host. A user's name
 * may hold an @, and a parameter's name may be percent-encoded, since the URL standard reads both.
 */
export function withoutPassword(word: string): string {
  if (!/postgres(ql)?:\/\//i.test(word)) return word;
  return word
    .replaceAll(/([?&])([^=&#]*)=[^&]*/g, (pair, mark: string, name: string) =>
      /pass/i.test(decoded(name)) ? `${mark}${name}=…` : pair,
    )
    .replace(/(:\/\/[^:/?#]*):.*@/, '$1@');
}

function decoded(text: string): string {
  return new URLSearchParams(`x=${text}`).get('x') ?? text;
}
