// How does a test run the command line as a user would, in a process of its own?

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A scenario of short cells, for tests that ask for other things than a figure. */
export const SHORT_DRAIN = ['--scenario', 'drain', '--scale', 'smoke'] as const;

const ROOT = resolve(import.meta.dirname, '..');

/** A finished command. `code` is null when a signal ended it. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command, and its end. */
export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What stderr has said so far. */
  stderr(): string;
}

/** Address of the server that `npm test` starts; throws when a test is run without it. */
export function testServer(): string {
  const url = process.env['CLAIMBENCH_TEST_URL'];
  if (url === undefined) throw new Error('CLAIMBENCH_TEST_URL is not set: run the tests with `npm test`');
  return url;
}

/** Starts `claimbench …words`. Killed after `timeoutMs`, so that a test never waits for ever. */
export function start(
  words: readonly string[],
  timeoutMs = 300_000,
  env: Readonly<Record<string, string>> = {},
  cwd = ROOT,
): Running {
  const child = spawn(process.execPath, [join(ROOT, 'cli/main.ts'), ...words], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', NO_COLOR: '1', NODE_TEST_CONTEXT: undefined, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const finished = new Promise<Finished>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      clearTimeout(timer);
      done({ code, stdout, stderr });
    });
  });
  return { child, finished, stderr: () => stderr };
}

/** Runs `claimbench …words` to its end. */
export function claimbench(...words: string[]): Promise<Finished> {
  return start(words).finished;
}

/** The same in another folder. */
export function claimbenchIn(folder: string, ...words: string[]): Promise<Finished> {
  return start(words, 300_000, {}, folder).finished;
}

/** A folder that goes with the test. */
export function temporaryFolder(scope: { after(release: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'claimbench-test-'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
