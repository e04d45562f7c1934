// How does a test have workers of limited queues in other processes?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { LimitedRuns, LimitedWork } from './limited-worker.ts';

/** A process that plays workers. */
export interface LimitedProcess {
  /** Its workers are at work. */
  readonly ready: Promise<void>;
  /** What it says at its end; rejects when it fails. */
  readonly said: Promise<LimitedRuns>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

/** Starts one. It ends by itself, and with the test at the latest. */
export function limitedProcess(
  work: LimitedWork,
  scope: { after(release: () => void): void },
): LimitedProcess {
  const program = resolve(import.meta.dirname, 'limited-worker.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(work)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  scope.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const ready = Promise.withResolvers<void>();
  let last = '';
  let complaints = '';
  createInterface(child.stdout).on('line', (line) => {
    last = line;
    ready.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const finish = async (): Promise<LimitedRuns> => {
    await ended;
    ready.resolve();
    assert.equal(complaints, '');
    assert.equal(child.exitCode, 0);
    const answer: LimitedRuns = JSON.parse(last);
    return answer;
  };
  const said = finish();
  // Who kills it does not ask.
  said.catch(() => undefined);
  return {
    ready: ready.promise,
    said,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
