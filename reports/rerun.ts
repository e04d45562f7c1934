// Which words of a command line measure the same again?

/** Without `--out`: the folder of a run is taken by then. */
export function withoutFolder(words: readonly string[]): string[] {
  return words.filter(
    (word, i) => !(word === '--out' || word.startsWith('--out=') || words[i - 1] === '--out'),
  );
}
