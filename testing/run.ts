// How do the tests run? `tsx testing/run.ts [files…]`: all of them, or those named, on one embedded server.

import { glob } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

import { isForUser } from '../harness/errors.ts';
import { startEmbedded } from '../harness/server/embedded.ts';

/** Far above the slowest test on a machine that is taken away for half of the time; one that hangs fails instead of holding up the run. */
const TEST_TIMEOUT_MS = 400_000;
/** Each file is a process of its own, and many of them start servers and agents. */
const FILES_AT_ONCE = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(patterns: readonly string[]): Promise<number> {
  const root = path.resolve(import.meta.dirname, '..');
  // Node strips types by itself, and keeps what it compiled: tests start processes by the hundred, in half the time.
  process.env['NODE_COMPILE_CACHE'] ??= path.join(root, 'node_modules/.cache/compiled');
  const files = await testFiles(root, patterns);
  if (files.length === 0) return complain('no test file matches: name files that end in .test.ts', 1);

  // The first Ctrl-C ends the test processes and then the server; the watchdog outlives even a second one.
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort()).once('SIGTERM', () => interruption.abort());
  try {
    await using server = await startEmbedded({ signal: interruption.signal });
    await using database = await server.openDatabase('tests');
    const { host, port, user, password, database: name } = database.connection;
    process.env['CLAIMBENCH_TEST_URL'] =
      `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
    return await runTests(files, interruption.signal);
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (isForUser(error)) return complain(error.message, error.exitCode);
    throw error;
  }
}

async function testFiles(root: string, patterns: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  const exclude = (name: string) => /(^|\/)(node_modules|out|dist|\.git)$/.test(name);
  const wanted =
    patterns.length > 0
      ? patterns.map((pattern) => path.resolve(pattern))
      : [path.join(root, '**/*.test.ts')];
  for await (const file of glob(wanted, { exclude })) if (file.endsWith('.test.ts')) found.push(file);
  return [...new Set(found)].sort();
}

async function runTests(files: readonly string[], signal: AbortSignal): Promise<number> {
  let tests = 0;
  let failed = true;
  const events = run({
    files: [...files],
    concurrency: FILES_AT_ONCE,
    timeout: TEST_TIMEOUT_MS,
    signal,
  });
  // A file without tests is reported as a test of the file's name that passed.
  const count = ({
    name,
    skip,
    details,
  }: {
    name: string;
    skip?: string | boolean;
    details: { type?: string };
  }) => {
    if (skip === undefined && details.type !== 'suite' && !files.includes(path.resolve(name))) tests += 1;
  };
  events.on('test:pass', count).on('test:fail', count);
  events.on('test:summary', (summary) => {
    // Without a file it is the summary of the whole run.
    if (summary.file === undefined) failed = !summary.success;
  });
  await pipeline(events.compose(spec), process.stdout, { end: false });
  if (signal.aborted) return 130;
  // A run in which nothing was tested proves nothing.
  if (tests === 0) return complain('no test ran', 1);
  return failed ? 1 : 0;
}

function complain(message: string, exitCode: number): number {
  console.error(`testing: ${message}`);
  return exitCode;
}
