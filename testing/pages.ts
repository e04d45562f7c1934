// Which programs do the pages of a manual hold?

import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** The TypeScript of one page: all its blocks, one after the other, as a reader would put them into one file. */
export interface Page {
  /** Relative to the project, without its ending: `queue/docs/work`. */
  readonly name: string;
  readonly text: string;
  readonly program: string;
  /** What comments say that its `console.log` prints, in their order. */
  readonly promises: readonly string[];
}

const BLOCK = /^```ts\n([\s\S]*?)^```$/gm;
const IMPORT = /^import (?:type )?\{([\s\S]*?)\} from '([^']+)';\n/gm;

/**
 * Imports of all blocks come first, each name once: a page says in each block what that one needs. `library` replaces the address of
 * the queue that the page gives (`…/index.ts`), and other modules of the queue lie as far from it as they do for the page.
 */
export async function readPage(root: string, file: string, library: string): Promise<Page> {
  const text = await readFile(path.join(root, file), 'utf8');
  const blocks = [...text.matchAll(BLOCK)].map(([, block = '']) => block);
  const names = new Map<string, Set<string>>();
  const bodies = blocks.map((block) =>
    block.replaceAll(IMPORT, (whole: string, list: string, from: string) => {
      const source = addressOf(from, file, library);
      const known = names.get(source) ?? new Set<string>();
      const isType = whole.startsWith('import type');
      for (const name of list.split(',').map((one) => one.trim()))
        if (name !== '') known.add(isType ? `type ${name}` : name);
      names.set(source, known);
      return '';
    }),
  );
  const imports = [...names].map(
    ([from, known]) => `import { ${[...known].sort().join(', ')} } from '${from}';`,
  );
  return {
    name: file.replace(/\.md$/, ''),
    text,
    program: `${imports.join('\n')}\n${bodies.join('\n')}`,
    promises: blocks.flatMap(promisesOf),
  };
}

/** A comment behind a `console.log`, or alone on the line below it, says what is printed. */
function promisesOf(block: string): string[] {
  const lines = block.split('\n');
  return lines.flatMap((line, number) => {
    if (!line.includes('console.log(')) return [];
    const beside = /\s\/\/ (.+)$/.exec(line)?.[1];
    const below = /^\s*\/\/ (.+)$/.exec(lines[number + 1] ?? '')?.[1];
    return beside ?? below ?? [];
  });
}

/**
 * The first of `promises` that `printed` does not keep, in their order; `undefined` when all are kept. Lines that nobody promised may
 * stand between. In a promise `…` stands for anything, and an explanation may follow after a colon: `// 1: a string of digits`.
 */
export function brokenPromise(promises: readonly string[], printed: string): string | undefined {
  let kept = 0;
  for (const line of printed.split('\n')) {
    const promise = promises[kept];
    if (promise !== undefined && keeps(line, promise)) kept += 1;
  }
  return promises[kept];
}

function keeps(line: string, promise: string): boolean {
  const ends = [...promise.matchAll(/: /g)].map(({ index }) => index);
  return [promise.length, ...ends].some((end) => {
    const parts = promise.slice(0, end).split('…');
    const pattern = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
    return new RegExp(`^${pattern}$`).test(line);
  });
}

/** What a page imports by `from`, as its program does. Packages are imported by their names. */
function addressOf(from: string, file: string, library: string): string {
  if (from.endsWith('/index.ts')) return library;
  if (!from.startsWith('.')) return from;
  const { join, dirname, relative } = path.posix;
  return join(dirname(library), relative('queue', join(dirname(file), from)));
}
