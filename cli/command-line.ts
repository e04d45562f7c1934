// How is the command line kept, so that a run can be repeated and no password is?

/** The words after `claimbench`, with passwords of addresses taken out and the seed that was drawn put in. */
export function withoutPasswords(words: readonly string[], seed: number): string[] {
  const kept = words.map((word) =>
    word.replace(/(postgres(?:ql)?:\/\/[^:@/?#]*):.*@/i, '$1@').replace(/([?&]password=)[^&]*/i, '$1…'),
  );
  return kept.some((word) => word === '--seed' || word.startsWith('--seed='))
    ? kept
    : [...kept, '--seed', String(seed)];
}
