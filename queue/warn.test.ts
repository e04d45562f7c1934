// Is an error that nobody asked for told once, in a line, and without secrets?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warn } from './warn.ts';

interface Warning extends Error {
  readonly code?: string;
}

/** The warnings of the process that `work` leads to. */
async function warningsOf(work: () => void): Promise<readonly string[]> {
  const heard: Warning[] = [];
  const hear = (warning: Warning): void => void heard.push(warning);
  process.on('warning', hear);
  work();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', hear);
  assert(heard.every(({ name }) => name === 'ClaimbenchWarning'));
  return heard.map(({ code, message }) => `${code}: ${message}`);
}

test('one warning for each source in ten seconds', async (t) => {
  let nowMs = 5;
  t.mock.method(performance, 'now', () => nowMs);
  const complain = warn('worker of queue "q"');
  const said = await warningsOf(() => {
    complain(new Error('one'), 'claim');
    complain(new Error('two'), 'claim');
    complain(new Error('three'), 'settle');
    nowMs += 10_000;
    complain(new Error('four'), 'claim');
  });
  assert.deepEqual(said, [
    'claim: worker of queue "q": one',
    'settle: worker of queue "q": three',
    'claim: worker of queue "q": four',
  ]);
});

test('it says what failed, in one line, and no password', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  const errors: readonly [error: unknown, said: string][] = [
    [refused, 'connect ECONNREFUSED 127.0.0.1:1 (ECONNREFUSED)'],
    [new AggregateError([refused, refused]), 'connect ECONNREFUSED 127.0.0.1:1 (ECONNREFUSED)'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [new Error('first\nsecond'), 'first'],
    [new Error('no postgres://me:s3:c/r@et@host/db'), 'no postgres://me:…@host/db'],
    [new Error('no postgres://me:s3:cr@et@host:5/db here'), 'no postgres://me:…@host:5/db here'],
    [new Error('host=h password=s3cret user=me'), 'host=h password=… user=me'],
  ];
  for (const [error, expected] of errors) {
    const complain = warn('it');
    assert.deepEqual(await warningsOf(() => complain(error, 'source')), [`source: it: ${expected}`]);
  }
});
