// How does a yardstick run claimbench as a user would, and take its answer?

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type RunResult, resultSchema } from '../../../harness/result/result.ts';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** Where Node keeps what it compiled, as `npm run claimbench` has it. */
const COMPILED = fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url));
/** An answer of which some part could not be told is one. */
const ANSWERED: readonly (number | null)[] = [0, 4];

export interface Answer {
  readonly result: RunResult;
  /** Of the whole command, its start included. */
  readonly seconds: number;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  /** Where Node keeps what it compiled: an empty folder for one that was never asked before; absent: the usual. */
  readonly compiled?: string;
}

/** `claimbench …words --json`. Rejects when it fails, is interrupted or takes longer than `timeoutSeconds`. */
export async function claimbench(
  words: readonly string[],
  { signal, timeoutSeconds, compiled = COMPILED }: AskOptions,
): Promise<Answer> {
  const startMs = performance.now();
  // Ends as by Ctrl-C, and so takes its server with it.
  const child = spawn(process.execPath, [MAIN, ...words, '--json'], {
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1_000)]),
    killSignal: 'SIGINT',
  });
  const closed = new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  const seconds = (performance.now() - startMs) / 1_000;
  if (!ANSWERED.includes(code))
    throw new Error(`claimbench ${words[0]} ended with ${code}: ${stderr.trim().split('\n').at(-1)}`);
  return { result: resultSchema.parse(JSON.parse(stdout)), seconds };
}
