// Is a limit given as a figure only where it was seen, and as a no only where nothing could mend it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uslAt } from '../../stats/usl.ts';
import { LINEAR, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { limitsOf } from './limits.ts';
import { verdictOf } from './verdict.ts';

const law = {
  fit: { ...LINEAR, relativeError: 0 },
  saidUpTo: 32,
  lowPerSec: (n: number) => uslAt(LINEAR, n),
};
const outage = { seconds: 60, recoverSeconds: 60 };

test('a drain that did not end says what is recovered from at least: a figure up to there, and beyond it none', () => {
  const seen = { arrivalPerSec: 80, outageSeconds: 20, observedSeconds: 30 };
  const facts = { capacityPerSec: 160, crowd: undefined, search: undefined, bloat: undefined, seen };
  const recovery = (ratePerSec: number) =>
    limitsOf({ ...facts, question: question({ ratePerSec, outage }) }).find(({ by }) => by === 'recovery');
  assert.equal(recovery(39)?.perSec, 40);
  assert.equal(recovery(41)?.perSec, undefined);
  assert.match(recovery(41)?.text ?? '', /was not seen to go away/);
  const ended = { ...facts, seen: { ...seen, drainSeconds: 40 } };
  const [, limit] = limitsOf({ ...ended, question: question({ ratePerSec: 70, outage }) });
  assert.equal(limit?.perSec, 60, 'one that ended says how much is settled, and that is a no');
});

test('what these handlers do not carry beside a snapshot is a no only where more of them would not help', async () => {
  const { input } = await planned(question({ ratePerSec: 60 }));
  const asked = { ...input, question: question({ ratePerSec: 60, bloatSeconds: 20 }) };
  const limits = [{ by: 'bloat', perSec: 50, text: 'up to 50 jobs/s' }] as const;
  const verdict = (handlers: number) =>
    verdictOf({
      ...{ input: asked, law, limits: [...limits], connections: 8 },
      choice: { handlers, capacityPerSec: law.lowPerSec(handlers), lacks: [] },
    });
  assert.deepEqual(verdict(32).obstacles, ['up to 50 jobs/s']);
  assert.deepEqual(verdict(8).obstacles, []);
  assert.match(verdict(8).undecided.join(), /^up to 50 jobs\/s; more than 8 handlers may carry more$/);
});
