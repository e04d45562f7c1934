// How is a run kept? The folder from which every figure can be derived again.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { CellOutcome } from '../cell/result.ts';
import { errorCode, isForUser, oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { BUNDLE, type RunResult } from '../result/result.ts';

const TRIAL_BYTES = 256 * 1024;

/** Writes a bundle cell by cell: whatever ends the run, what was measured until then is there. */
export class BundleWriter implements Disposable {
  readonly directory: string;
  #saved = false;

  /**
   * Makes the folder and tries it by writing. With `kept`, the ids of the cells of its result.json, an existing bundle is opened:
   * what an interrupted cell has left in its files goes.
   * @throws UsageError where a bundle or other files lie already; RuntimeFailure where nothing can be written.
   */
  constructor(directory: string, kept?: ReadonlySet<string>) {
    this.directory = directory;
    this.#writing(() => {
      if (kept !== undefined) {
        this.#saved = true;
        dropOthers(directory, kept);
        return;
      }
      if (existsSync(directory)) refuseUsed(directory);
      makeFolders(join(directory, BUNDLE.histograms));
      // An empty file can be made on a full disk too.
      writeFileSync(join(directory, BUNDLE.samples), Buffer.alloc(TRIAL_BYTES));
      truncateSync(join(directory, BUNDLE.samples));
    });
  }

  /** Adds one cell's histograms, samples and plans, then the result as it now stands. */
  add(outcome: CellOutcome, result: RunResult): void {
    this.#writing(() => {
      writeFileSync(join(this.directory, BUNDLE.histograms, `${outcome.cell.id}.hlog`), outcome.histogramLog);
      const lines = outcome.samples.map((sample) => `${JSON.stringify(sample)}\n`).join('');
      appendFileSync(join(this.directory, BUNDLE.samples), lines);
      const plans = outcome.plans.map((plan) => `${JSON.stringify(plan)}\n`).join('');
      if (plans !== '') appendFileSync(join(this.directory, BUNDLE.plans), plans);
    });
    this.save(result);
  }

  /** Replaces result.json as a whole: a reader never sees half of it. */
  save(result: RunResult): void {
    this.#writing(() => {
      const path = join(this.directory, BUNDLE.result);
      writeFileSync(`${path}.part`, `${JSON.stringify(result, null, 2)}\n`);
      renameSync(`${path}.part`, path);
    });
    this.#saved ||= result.cells.length > 0 || (result.micro?.length ?? 0) > 0;
  }

  /** Takes the empty folder away again when nothing came of the run, so that the same words can be tried once more. */
  [Symbol.dispose](): void {
    if (this.#saved) return;
    try {
      rmSync(join(this.directory, BUNDLE.samples), { force: true });
      rmSync(join(this.directory, BUNDLE.plans), { force: true });
      rmSync(join(this.directory, BUNDLE.result), { force: true });
      rmdirSync(join(this.directory, BUNDLE.histograms));
      rmdirSync(this.directory);
    } catch {
      // Somebody put something there meanwhile: it stays.
    }
  }

  #writing(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw isForUser(error) ? error : writeFailure(this.directory, error);
    }
  }
}

/** Removes histograms, samples and plans of all cells but these; the rest is replaced as a whole, so that nothing is lost midway. */
function dropOthers(directory: string, kept: ReadonlySet<string>): void {
  const histograms = join(directory, BUNDLE.histograms);
  makeFolders(histograms);
  rmSync(join(directory, `${BUNDLE.result}.part`), { force: true });
  for (const file of readdirSync(histograms))
    if (!file.endsWith('.hlog') || !kept.has(file.slice(0, -'.hlog'.length)))
      rmSync(join(histograms, file), { force: true });
  for (const name of [BUNDLE.samples, BUNDLE.plans]) {
    const path = join(directory, name);
    if (!existsSync(path)) {
      if (name === BUNDLE.samples) writeFileSync(path, '');
      continue;
    }
    const text = readFileSync(path, 'utf8');
    const lines = text.split('\n').filter((line) => kept.has(cellOfLine(line) ?? ''));
    const rest = lines.map((line) => `${line}\n`).join('');
    if (rest === text) continue;
    writeFileSync(`${path}.part`, rest);
    renameSync(`${path}.part`, path);
  }
}

/** Undefined for a line that was cut short. */
function cellOfLine(line: string): string | undefined {
  try {
    const { cell }: { cell?: unknown } = JSON.parse(line);
    return typeof cell === 'string' ? cell : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a folder for files that may replace older ones, unless it is there.
 * @throws UsageError where a file or a bundle lies; RuntimeFailure where no folder can be made.
 */
export function makeOutputFolder(directory: string): void {
  try {
    if (existsSync(directory)) refuseFileOrBundle(directory);
    makeFolders(directory);
  } catch (error) {
    throw isForUser(error) ? error : writeFailure(directory, error);
  }
}

/** Whether the file system refused something, and not a bug of ours. */
export function isFileSystemError(error: unknown): boolean {
  return REASONS[errorCode(error) ?? ''] !== undefined;
}

/** What could not be written and why, in one line that ends with `mend`. */
export function writeFailure(
  where: string,
  error: unknown,
  mend = 'name a folder of your own with --out',
): RuntimeFailure {
  const code = errorCode(error) ?? '';
  const space = code === 'ENOSPC' ? 'free some space, or ' : '';
  return new RuntimeFailure(
    `${where} cannot be written (${REASONS[code] ?? oneLine(error)}): ${space}${mend}`,
    {
      cause: error,
    },
  );
}

/** One level at a time: the recursive form answers with ENOENT, or never, where a parent cannot be written. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path);
}

function refuseUsed(directory: string): void {
  refuseFileOrBundle(directory);
  if (readdirSync(directory).length > 0) {
    throw new UsageError(`${directory} is not empty: name another folder with --out`);
  }
}

function refuseFileOrBundle(directory: string): void {
  if (!statSync(directory).isDirectory()) {
    throw new UsageError(`--out ${directory} is a file: name a folder that does not exist yet`);
  }
  if (existsSync(join(directory, BUNDLE.result))) {
    throw new UsageError(
      `${directory} holds a bundle already, which is never overwritten: name another folder with --out`,
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'no folder can be made there',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file is in the way',
  EISDIR: 'a folder is in the way',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links go in a circle',
};
