// Does the exit code say the worst that happened, and one line why?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RuntimeFailure, UsageError } from '../harness/errors.ts';
import type { Cell, Comparison } from '../harness/result/result.ts';
import { EXIT, exitCodeOf, exitCodeOfComparison, reportError } from './exit.ts';

function cells(...verdicts: readonly Cell['verdict'][]): { cells: Cell[] } {
  return { cells: verdicts.map((verdict) => ({ verdict }) as Cell) };
}

test('the worst cell decides, wherever it stands', () => {
  assert.equal(exitCodeOf(cells()), 0);
  assert.equal(exitCodeOf(cells('valid', 'valid')), 0);
  assert.equal(exitCodeOf(cells('valid', 'invalid', 'valid')), 4);
  assert.equal(exitCodeOf(cells('incorrect', 'valid', 'invalid')), 3);
  assert.equal(exitCodeOf(cells('invalid', 'incorrect')), 3);
  const lost = [{ description: 'x', finishedCells: 1, reason: 'its process has ended' }];
  assert.equal(exitCodeOf({ ...cells('valid', 'incorrect'), lostServers: lost }), 2);
});

test('a failed expectation ends with 99; one that nobody could tell is no pass; what is void outweighs both', () => {
  const cell = (verdict: Cell['verdict'], ...states: ('met' | 'failed' | 'untold')[]): Cell =>
    ({ verdict, expectations: states.map((state) => ({ text: 'lost = 0', state })) }) as unknown as Cell;
  assert.equal(exitCodeOf({ cells: [cell('valid', 'met', 'met')] }), 0);
  assert.equal(exitCodeOf({ cells: [cell('valid', 'met'), cell('valid', 'met', 'failed')] }), 99);
  assert.equal(exitCodeOf({ cells: [cell('valid', 'failed', 'untold')] }), 4);
  assert.equal(exitCodeOf({ cells: [cell('valid', 'failed'), cell('invalid', 'untold')] }), 4);
  assert.equal(exitCodeOf({ cells: [cell('valid', 'failed'), cell('incorrect', 'untold')] }), 3);
});

test('a comparison that was made ends with 0, whatever its verdicts; one without any with 4', () => {
  const code = (verdicts: readonly Comparison['verdict'][], incorrect: readonly string[] = []): number =>
    exitCodeOfComparison({ incorrect, comparisons: verdicts.map((verdict) => ({ verdict })) });
  for (const verdict of ['better', 'worse', 'equivalent', 'unstable', '~'] as const) {
    assert.equal(code([verdict]), 0);
    assert.equal(
      code(['invalid', verdict]),
      0,
      'a scenario that could not be judged does not unmake the others',
    );
  }
  assert.equal(code(['invalid', 'invalid']), 4);
  assert.equal(code(['invalid', 'worse'], ['a']), 3);
});

test('the codes are those that the README states', () => {
  assert.deepEqual(EXIT, {
    ok: 0,
    usage: 1,
    failure: 2,
    incorrect: 3,
    invalid: 4,
    expectation: 99,
    interrupted: 130,
  });
});

function reported(t: TestContext, error: unknown, debug?: string): { code: number; said: string } {
  const before = process.env['CLAIMBENCH_DEBUG'];
  if (debug === undefined) delete process.env['CLAIMBENCH_DEBUG'];
  else process.env['CLAIMBENCH_DEBUG'] = debug;
  let said = '';
  const write = t.mock.method(process.stderr, 'write', (text: string) => {
    said += text;
    return true;
  });
  const code = reportError(error);
  write.mock.restore();
  if (before === undefined) delete process.env['CLAIMBENCH_DEBUG'];
  else process.env['CLAIMBENCH_DEBUG'] = before;
  return { code, said };
}

test('a user’s mistake is one line and code 1; a failure of the world one line and code 2', (t) => {
  assert.deepEqual(reported(t, new UsageError('no such\nscenario')), {
    code: 1,
    said: 'claimbench: no such scenario\n',
  });
  assert.deepEqual(reported(t, new RuntimeFailure('the disk is full')), {
    code: 2,
    said: 'claimbench: the disk is full\n',
  });
});

test('an error that states its own exit code is believed', (t) => {
  assert.deepEqual(reported(t, Object.assign(new Error('not a bundle'), { exitCode: 1 })), {
    code: 1,
    said: 'claimbench: not a bundle\n',
  });
});

test('anything else is a failure, in one line, with the way to learn more', (t) => {
  for (const error of [
    new Error('boom\nbang'),
    Object.assign(new Error('boom bang'), { code: 'ECONNRESET' }),
  ]) {
    const { code, said } = reported(t, error);
    assert.equal(code, 2);
    assert.match(said, /^claimbench: unexpected failure( ECONNRESET)?: boom bang .*CLAIMBENCH_DEBUG=1/);
    assert.equal(said.trimEnd().split('\n').length, 1);
  }
  assert.match(reported(t, 'just a string').said, /just a string/);
  assert.match(reported(t, undefined).said, /unexpected failure/);
});

test('whoever asks for it gets the stack', (t) => {
  assert.match(reported(t, new Error('boom'), '1').said, /boom\n.*\n\s+at /);
  assert.match(reported(t, new UsageError('boom'), '1').said, /\n\s+at /);
});
