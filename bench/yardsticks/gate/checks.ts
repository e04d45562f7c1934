// How does a yardstick have the small repository checked, as its team would?

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type RunResult, resultSchema } from '../../../harness/result/result.ts';
import { type CheckDocument, checkDocumentSchema } from '../../../reports/check/document.ts';
import { makeGuardedRepository } from '../../../testing/guarded-repository.ts';
import type { Bench } from '../../yardstick.ts';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url));
const BUDGET_SECONDS = 480;
const SMOKE_SECONDS = 10;
const MORE_SECONDS = 300;
/** It says something of the code, even if that is that it could not tell. */
const ANSWERED: readonly (number | null)[] = [0, 3, 4, 99];

export interface Checked {
  readonly document: CheckDocument;
  readonly code: number;
  /** Of the whole command. */
  readonly seconds: number;
}

export class Checks {
  readonly #folder: string;
  #made = 0;
  /** Of the same code against itself: what simulations draw their cells from. */
  readonly same: RunResult[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `claimbench check --base HEAD` in a new repository, with the patch of a pull request or none. Rejects when it fails. */
  async check(pull: string | undefined, { smoke, signal }: Bench): Promise<Checked> {
    this.#made += 1;
    const folder = join(this.#folder, String(this.#made));
    makeGuardedRepository(folder, pull);
    const budget = smoke ? SMOKE_SECONDS : BUDGET_SECONDS;
    const words = ['check', '--base', 'HEAD', '--budget', `${budget}s`, '--out', 'out', '--json'];
    const startMs = performance.now();
    // Ends as by Ctrl-C, and so takes its server with it.
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd: folder,
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout((budget + MORE_SECONDS) * 1_000)]),
      killSignal: 'SIGINT',
    });
    const closed = new Promise<number | null>((done, fail) => {
      child.once('error', fail);
      child.once('close', done);
    });
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    const seconds = (performance.now() - startMs) / 1_000;
    if (code === null || !ANSWERED.includes(code))
      throw new Error(`claimbench check ended with ${code}: ${stderr.trim().split('\n').at(-1)}`);
    if (pull === undefined)
      this.same.push(resultSchema.parse(JSON.parse(readFileSync(join(folder, 'out/result.json'), 'utf8'))));
    return { document: checkDocumentSchema.parse(JSON.parse(stdout)), code, seconds };
  }
}
