// Is a limit given as a figure only where it was seen, and as a no only where nothing could mend it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINEAR_LAW, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { type LimitFacts, limitsOf } from './limits.ts';
import { verdictOf } from './verdict.ts';

const law = LINEAR_LAW;
const outage = { seconds: 60, recoverSeconds: 60 };

test('after an outage in miniature: by what was settled while its backlog fell, and no figure where it did not', () => {
  const seen = { arrivalPerSec: 80, outageSeconds: 20, observedSeconds: 30 };
  const facts = {
    law,
    capacityPerSec: 160,
    crowd: undefined,
    search: undefined,
    bloat: undefined,
    bloatVoid: undefined,
  };
  const recovery = (found: Pick<LimitFacts, 'seen' | 'tried'>) =>
    limitsOf({ ...facts, ...found, question: question({ ratePerSec: 30, outage }) })[1];
  const stayed = recovery({ seen, tried: true });
  assert.equal(stayed?.perSec, undefined);
  assert.match(stayed?.text ?? '', /was not seen to go away/);
  assert.equal(recovery({ seen: { ...seen, settledPerSec: 100 }, tried: true })?.perSec, 50);
  assert.equal(recovery({ seen: { ...seen, drainSeconds: 40 }, tried: true })?.perSec, 60);
  const elsewhere = recovery({ seen: undefined, tried: true });
  assert.equal(elsewhere?.perSec, 80);
  assert.match(elsewhere?.text ?? '', /tried with other handlers/);
  assert.equal(recovery({ seen: undefined, tried: false })?.perSec, undefined, 'nor by the law alone');
});

test('beside a snapshot: as far as was seen, and a figure up to there even where more might be carried', () => {
  const bloat = { perJobSeconds: 0.001, perDeadSeconds: 0, slows: false, seenJobs: 20_000 };
  const facts = {
    law,
    capacityPerSec: 800,
    crowd: undefined,
    search: undefined,
    seen: undefined,
    tried: false,
    bloatVoid: undefined,
  };
  const limit = (ratePerSec: number) =>
    limitsOf({ ...facts, bloat, question: question({ ratePerSec, bloatSeconds: 600 }) })[1];
  assert.equal(Math.round(limit(20)?.perSec ?? 0), 167);
  assert.equal(limit(170)?.perSec, undefined);
  assert.match(limit(170)?.text ?? '', /not seen far enough/);
});

test('what these handlers do not carry is a no only where more of them would not help', async () => {
  const { input } = await planned(question({ ratePerSec: 60 }));
  const asked = { ...input, question: question({ ratePerSec: 60, bloatSeconds: 20 }) };
  const limits = (by: 'slo' | 'recovery' | 'bloat') => [{ by, perSec: 50, text: 'up to 50 jobs/s' }];
  const verdict = (handlers: number, by: 'slo' | 'recovery' | 'bloat' = 'bloat') =>
    verdictOf({
      ...{ input: asked, law, limits: limits(by), contradictions: [], connections: 8 },
      choice: { handlers, capacityPerSec: law.lowPerSec(handlers), lacks: [] },
    });
  assert.deepEqual(verdict(32).obstacles, ['up to 50 jobs/s']);
  assert.deepEqual(verdict(8).obstacles, []);
  for (const by of ['slo', 'recovery', 'bloat'] as const)
    assert.match(
      verdict(8, by).undecided.join(),
      /^up to 50 jobs\/s; more than 8 handlers may carry more: try them with claimbench search$/,
    );
});
