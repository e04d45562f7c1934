// With which code does a command end, and what is said of an error?

import { errorCode, isForUser, oneLine } from '../harness/errors.ts';
import type { Comparison, ExpectationResult, RunResult } from '../harness/result/result.ts';

/** Exit codes, as the README states them. */
export const EXIT = {
  ok: 0,
  usage: 1,
  failure: 2,
  incorrect: 3,
  invalid: 4,
  expectation: 99,
  interrupted: 130,
} as const;

/**
 * A server that was lost is a failure, whatever the cells say. Else the worst of the cells decides: a job that was lost
 * outweighs a generator that was late. Both outweigh an expectation that failed: it is a finding of a measurement that stands,
 * and as long as a part of the run does not, there may be more to find. An expectation that a valid cell could not tell is no
 * pass, and a void answer like that of an invalid cell.
 */
export function exitCodeOf({ cells, lostServers = [] }: Pick<RunResult, 'cells' | 'lostServers'>): number {
  if (lostServers.length > 0) return EXIT.failure;
  if (cells.some((cell) => cell.verdict === 'incorrect')) return EXIT.incorrect;
  const expected = (state: ExpectationResult['state']): boolean =>
    cells.some(({ expectations = [] }) => expectations.some((one) => one.state === state));
  if (cells.some((cell) => cell.verdict === 'invalid') || expected('untold')) return EXIT.invalid;
  return expected('failed') ? EXIT.expectation : EXIT.ok;
}

/**
 * Whatever the verdicts, a comparison was made; unless a contender has no figures because it was incorrect, or nothing
 * could be judged, as no pair has valid cells on both sides that may be set beside each other.
 */
export function exitCodeOfComparison(document: {
  readonly incorrect: readonly string[];
  readonly comparisons: readonly Pick<Comparison, 'verdict'>[];
}): number {
  if (document.incorrect.length > 0) return EXIT.incorrect;
  return document.comparisons.every((one) => one.verdict === 'invalid') ? EXIT.invalid : EXIT.ok;
}

/** Prints one line on stderr and gives the exit code. A bug keeps its stack for those who ask with CLAIMBENCH_DEBUG=1. */
export function reportError(error: unknown): number {
  const debug = process.env['CLAIMBENCH_DEBUG'] === '1' && error instanceof Error ? `\n${error.stack}` : '';
  if (isForUser(error)) {
    process.stderr.write(`claimbench: ${oneLine(error)}${debug}\n`);
    return error.exitCode;
  }
  // BundleError of reports/ and the like: an Error that states its own exit code.
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') {
    process.stderr.write(`claimbench: ${oneLine(error)}${debug}\n`);
    return error.exitCode;
  }
  const code = errorCode(error);
  const hint = debug === '' ? ' (CLAIMBENCH_DEBUG=1 shows where)' : '';
  process.stderr.write(
    `claimbench: unexpected failure${code === undefined ? '' : ` ${code}`}: ${oneLine(error)}${hint}${debug}\n`,
  );
  return EXIT.failure;
}
