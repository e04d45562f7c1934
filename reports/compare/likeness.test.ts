// Are sides that were not alike kept apart: of another durability, offered another load, or put to another workload?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell, FairnessRow, RunResult } from '../../harness/result/result.ts';
import { seeded } from '../../stats/random.ts';
import { comparisonHtml } from '../render/comparison/html.ts';
import { compareBundles, comparisonMarkdown, comparisonsOf, comparisonTerminal } from './index.ts';
import { comparedBundle, request } from './testing-bundle.ts';

const WEAK: FairnessRow = {
  setting: 'durability',
  declared: 'durable',
  effective: 'not durable',
  verdict: 'differs',
  note: 'UNLOGGED: jobs',
};

/** Another row of durability, in the cells of one contender in the drain. */
const withDurability =
  (row: FairnessRow, contender = 'b', which: (cell: Cell) => boolean = () => true) =>
  (cell: Cell): Cell =>
    cell.contender.name === contender && cell.scenario === 'drain' && which(cell)
      ? { ...cell, fairness: [...(cell.fairness ?? []).filter((one) => one.setting !== 'durability'), row] }
      : cell;

const style = { colour: false, width: 100 };

test('an undurable contender is not better: its verdicts in that scenario are invalid, and say why', async (t) => {
  // One repeat that gave durability up is enough.
  const { dir, result } = await comparedBundle(t, {
    factors: { a: 1, b: 2 },
    repeats: 5,
    amend: withDurability(WEAK, 'b', (cell) => cell.repeat === 2),
  });
  const says =
    /^durability of a and b in drain: durable and not durable \(UNLOGGED: jobs in 1 of 5 repeats\)$/;
  const document = await compareBundles(request(dir));
  for (const found of [comparisonsOf(result), document.comparisons]) {
    const of = (scenario: string) => found.filter((one) => one.scenario === scenario);
    assert.ok(of('drain').length > 3);
    for (const one of of('drain')) {
      assert.equal(one.verdict, 'invalid', one.metric);
      assert.match(one.reason, says);
      assert.equal(one.effect, undefined);
    }
    assert.ok(of('steady').every((one) => one.verdict === 'better'));
  }
  assert.deepEqual(document.forced, []);
  assert.match(
    document.caveats.join('\n'),
    /^b is not durable in drain \(UNLOGGED: jobs in 1 of 5 repeats\)/m,
  );
  for (const text of [
    comparisonMarkdown(document),
    comparisonHtml(document, new Map()),
    comparisonTerminal(document, style).replaceAll(/\s+/g, ' '),
  ]) {
    assert.match(text, /invalid: durability of a and b in drain: durable and not durable/);
    assert.match(text, /b is not durable in drain/);
  }
});

test('forced within a bundle, the undurable contender is judged, with a loud mark', async (t) => {
  const { dir } = await comparedBundle(t, {
    factors: { a: 1, b: 2 },
    repeats: 5,
    amend: withDurability(WEAK),
  });
  const document = await compareBundles(request(dir, { force: true }));
  assert.ok(document.comparisons.every((one) => one.verdict === 'better'));
  assert.deepEqual(document.forced, [
    'durability of a and b in drain: durable and not durable (UNLOGGED: jobs in 5 of 5 repeats)',
  ]);
  for (const text of [comparisonHtml(document, new Map()), comparisonTerminal(document, style)])
    assert.match(text, /FORCED, NOT COMPARABLE: durability of a and b/);
});

test('two bundles of which one contender became undurable are refused, or marked when forced', async (t) => {
  const before = await comparedBundle(t, { factors: { a: 1 }, repeats: 5 });
  const after = await comparedBundle(t, { factors: { a: 2 }, repeats: 5, amend: withDurability(WEAK, 'a') });
  const both = { head: after.dir };
  const says = /durability of a in drain: durable and not durable \(UNLOGGED: jobs in 5 of 5 repeats\)/;
  await assert.rejects(compareBundles(request(before.dir, both)), says);
  const forced = await compareBundles(request(before.dir, { ...both, force: true }));
  assert.match(forced.forced.join(), says);
  assert.match(forced.caveats.join('\n'), /^a \(head\) is not durable in drain/m);
  // What the user left out forbids nothing.
  const steady = await compareBundles(request(before.dir, { ...both, scenarios: ['steady'] }));
  assert.deepEqual(steady.forced, []);
});

test('another declared durability keeps apart too; what was not observed counts as declared, and a caveat says so', async (t) => {
  const declared = {
    ...WEAK,
    declared: 'not durable, as the server',
    effective: 'durable',
    verdict: 'matches',
  };
  const other = await comparedBundle(t, {
    factors: { a: 1, b: 1 },
    repeats: 5,
    amend: withDurability(declared as FairnessRow),
  });
  const drain = comparisonsOf(other.result).filter((one) => one.scenario === 'drain');
  assert.ok(
    drain.every((one) => one.verdict === 'invalid' && /^declared durability of a and b/.test(one.reason)),
  );
  const unseen: FairnessRow = {
    setting: 'durability',
    declared: 'durable',
    verdict: 'not observed',
    why: 'no',
  };
  const blind = await comparedBundle(t, {
    factors: { a: 1, b: 1 },
    repeats: 5,
    amend: withDurability(unseen),
  });
  const document = await compareBundles(request(blind.dir));
  assert.ok(document.comparisons.every((one) => one.verdict !== 'invalid'));
  assert.match(
    document.caveats.join('\n'),
    /^The durability of b in drain was not observed; it is taken as declared: durable\.$/m,
  );
});

/** Resolved rates of the steady scenario, by contender. */
const offered =
  (rates: Readonly<Record<string, number>>) =>
  (cell: Cell): Cell => {
    const ratePerSec = rates[cell.contender.name];
    return cell.scenario !== 'steady' || ratePerSec === undefined
      ? cell
      : { ...cell, parameters: { ...cell.parameters, ratePerSec } };
  };

test('contenders that were each offered a share of their own capacity are not judged against each other', async (t) => {
  const apart = await comparedBundle(t, {
    factors: { a: 1, b: 2 },
    repeats: 5,
    amend: offered({ a: 600, b: 100 }),
  });
  const document = await compareBundles(request(apart.dir));
  for (const found of [comparisonsOf(apart.result), document.comparisons]) {
    for (const one of found.filter(({ scenario }) => scenario === 'steady')) {
      assert.equal(one.verdict, 'invalid', one.metric);
      assert.match(one.reason, /offered 600 and 100 jobs\/s: a share of each one's own capacity/);
    }
    assert.ok(found.some(({ scenario }) => scenario === 'drain'));
    assert.ok(found.every(({ scenario, verdict }) => scenario !== 'drain' || verdict === 'better'));
  }
  const forced = await compareBundles(request(apart.dir, { force: true }));
  assert.match(forced.forced.join(), /offered 600 and 100 jobs\/s/);
  const near = await comparedBundle(t, {
    factors: { a: 1, b: 2 },
    repeats: 5,
    amend: offered({ a: 600, b: 580 }),
  });
  assert.ok(comparisonsOf(near.result).every((one) => one.verdict === 'better'));
});

type Definition = RunResult['scenarios'][number]['definition'];

const declaring =
  (change: (definition: Definition) => Definition) =>
  (result: RunResult): RunResult => ({
    ...result,
    scenarios: result.scenarios.map((one) =>
      one.name === 'steady' ? { ...one, definition: change(one.definition) } : one,
    ),
  });

const arrival = (ratePerSec: unknown): Definition => ({
  phases: [{ label: 'steady', seconds: 30, measured: true, arrival: { model: 'poisson', ratePerSec } }],
});

test('every part of a declared workload counts, and the words in it do not', async (t) => {
  const before = await comparedBundle(t, { factors: { a: 1 }, repeats: 5 });
  const changes: readonly [Definition, string | undefined][] = [
    [{ producers: { agents: 2, connections: 4 } }, 'producers.agents of steady: 1 and 2'],
    [{ producers: { agents: 1, connections: 8 } }, 'producers.connections of steady: 4 and 8'],
    [{ priorities: [0, 9] }, 'priorities.1 of steady: not set and 9'],
    [{ warmupSeconds: 2 }, 'warmupSeconds of steady: 1 and 2'],
    [{ warmupCapSeconds: 2 }, 'warmupCapSeconds of steady: not set and 2'],
    [{ settleWithinSeconds: 9 }, 'settleWithinSeconds of steady: 0 and 9'],
    [
      { faults: [{ fault: 'kill-worker', atSeconds: 3 }] },
      'faults.0 of steady: not set and {"fault":"kill-worker","atSeconds":3}',
    ],
    [arrival(500), 'phases.0.arrival.ratePerSec of steady: 600 and 500'],
    [
      arrival({ share: 0.7, of: 'drain' }),
      'phases.0.arrival.ratePerSec of steady: 600 and {"share":0.7,"of":"drain"}',
    ],
    [
      {
        phases: [
          { label: 'a', seconds: 30, measured: false, arrival: { model: 'poisson', ratePerSec: 600 } },
        ],
      },
      'phases.0.measured of steady: true and false',
    ],
    [{ question: 'Other words?' }, undefined],
    [{ group: 'load', expect: ['lost = 0'] }, undefined],
  ];
  for (const [change, says] of changes) {
    const after = await comparedBundle(t, {
      factors: { a: 1 },
      repeats: 5,
      amendResult: declaring((definition) => ({ ...definition, ...change })),
    });
    const compared = compareBundles(request(before.dir, { head: after.dir }));
    if (says === undefined) assert.deepEqual((await compared).forced, []);
    else
      await assert.rejects(compared, (error: Error) => {
        assert.ok(error.message.includes(says), error.message);
        return !error.message.includes('\n');
      });
  }
});

test('two runs of which one was sampled, or told live metrics, are refused, or marked when forced', async (t) => {
  const watched = (parameters: Cell['parameters']) =>
    comparedBundle(t, {
      factors: { a: 1 },
      repeats: 5,
      amend: (cell) =>
        cell.scenario === 'steady' ? { ...cell, parameters: { ...cell.parameters, ...parameters } } : cell,
    });
  const plainly = await watched({});
  const unsampled = await watched({ sampling: false });
  const told = await watched({ metrics: true });
  const sampling = 'sampling of the server in steady: on and off';
  const metrics = 'live metrics in steady: on and off';
  for (const [base, head, says] of [
    [plainly, unsampled, sampling],
    [told, plainly, metrics],
  ] as const) {
    const refused = compareBundles(request(base.dir, { head: head.dir }));
    await assert.rejects(refused, (error: Error) => error.message.includes(says));
    const forced = await compareBundles(request(base.dir, { head: head.dir, force: true }));
    assert.deepEqual(forced.forced, [says]);
  }
  const both = await compareBundles(request(told.dir, { head: (await watched({ metrics: true })).dir }));
  assert.deepEqual(both.forced, []);
});

test('two runs of one share are compared, though it came to other rates; far ones are a caveat', async (t) => {
  const random = seeded(3);
  const shared = (ratePerSec: number) =>
    comparedBundle(t, {
      factors: { a: 1 },
      repeats: 5,
      amend: offered({ a: ratePerSec + random() }),
      amendResult: declaring((definition) => ({ ...definition, ...arrival({ share: 0.7, of: 'drain' }) })),
    });
  const before = await shared(600);
  const near = await compareBundles(request(before.dir, { head: (await shared(590)).dir }));
  assert.doesNotMatch(near.caveats.join('\n'), /offered/);
  const far = await compareBundles(request(before.dir, { head: (await shared(500)).dir }));
  assert.deepEqual(far.forced, []);
  assert.match(
    far.caveats.join('\n'),
    /^a in steady: offered 60[01] and 50[01] jobs\/s, so the loads are not the same\.$/m,
  );
  assert.ok(far.comparisons.every((one) => one.verdict !== 'invalid'));
});
