// Does a check call its verdict by what the cells say, and nothing worse that was not seen twice?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Plan } from '../../harness/result/result.ts';
import { baselineOf } from './baseline.ts';
import { checkDocument, gateOf } from './check.ts';
import { checkDocumentSchema } from './document.ts';
import { CONTENDER, syntheticCheck, withCost } from './testing-check.ts';

const worseIn = (document: ReturnType<typeof checkDocument>): string[] =>
  document.rows.filter(({ verdict }) => verdict === 'worse').map(({ metric }) => metric);

test('the same on both sides passes, and the document is what its schema says', async (t) => {
  const document = checkDocument(await syntheticCheck(t, { blocks: 6 }));
  assert.equal(document.verdict, 'pass');
  assert.match(document.headline, /^PASS: nothing became worse .* in 6 blocks/);
  assert.deepEqual(document.causes, []);
  assert.deepEqual(checkDocumentSchema.parse(JSON.parse(JSON.stringify(document))), document);
});

test('a cost that rises in every block is a regression after five, and pending after three', async (t) => {
  const bundle = await syntheticCheck(t, {
    blocks: 5,
    amend: (cell, side) => (side === 'head' ? withCost(cell, 'walBytesPerJob', 1.08) : cell),
  });
  const { result } = bundle;
  const three = { ...result, cells: result.cells.filter(({ block }) => block < 3) };
  assert.equal(gateOf({ ...bundle, result: three }).clear, false);
  assert.equal(gateOf({ ...bundle, result: three }).pending.length, 1);
  assert.equal(checkDocument({ ...bundle, result: three }).verdict, 'pass');
  assert.match(checkDocument({ ...bundle, result: three }).warnings.join('\n'), /give a longer --budget/);
  assert.equal(gateOf(bundle).clear, true);
  const document = checkDocument(bundle);
  assert.equal(document.verdict, 'regression');
  assert.deepEqual(worseIn(document), ['cost.walBytesPerJob']);
  assert.match(document.headline, /^REGRESSION: WAL of it in .* \+8\.\d+\s%; the working tree against main$/);
  assert.equal(document.causes[0]?.what, 'client');
});

test('a limit of its own, and one that is off', async (t) => {
  const amend = (cell: Parameters<typeof withCost>[0], side: string) =>
    side === 'head' ? withCost(cell, 'walBytesPerJob', 1.08) : cell;
  const at = async (limit: number | 'off') =>
    checkDocument(
      await syntheticCheck(t, { blocks: 5, amend, check: { limits: { 'cost.walBytesPerJob': limit } } }),
    );
  assert.equal((await at(0.1)).verdict, 'pass');
  assert.equal((await at(0.02)).verdict, 'regression');
  const off = await at('off');
  assert.equal(off.verdict, 'pass');
  const row = off.rows.find(({ metric }) => metric === 'cost.walBytesPerJob');
  assert.equal(row?.verdict, 'not judged');
  assert.ok(row.base !== undefined && row.head !== undefined);
});

test('what rose in the first blocks and not again is unstable, and passes', async (t) => {
  const document = checkDocument(
    await syntheticCheck(t, {
      blocks: 6,
      amend: (cell, side, block) =>
        side === 'head' && block < 3 ? withCost(cell, 'buffersPerJob', 1.3) : cell,
    }),
  );
  assert.equal(document.verdict, 'pass');
  const row = document.rows.find(({ metric }) => metric === 'cost.buffersPerJob');
  assert.equal(row?.verdict, 'unstable');
  assert.match(document.warnings.join('\n'), /Buffers of it .* not again in 2 fresh ones/);
});

test('void pairs tell nothing: with two valid blocks it is undecided', async (t) => {
  const document = checkDocument(
    await syntheticCheck(t, {
      blocks: 6,
      amend: (cell, side, block) =>
        side === 'base' && block >= 2 ? { ...cell, verdict: 'invalid', reasons: ['generator: late'] } : cell,
    }),
  );
  assert.equal(document.verdict, 'undecided');
  assert.deepEqual(document.blocks, { measured: 6, valid: 2 });
  assert.match(document.warnings.join('\n'), /4 cells of 12 were void, the first since generator: late/);
});

test('an incorrect head outweighs all; an incorrect base leaves nothing to compare with', async (t) => {
  const broken = (wrong: 'base' | 'head') =>
    syntheticCheck(t, {
      blocks: 5,
      amend: (cell, side, block) =>
        side === wrong && block === 4
          ? { ...cell, verdict: 'incorrect', reasons: ['3 jobs were lost'] }
          : side === 'head'
            ? withCost(cell, 'commitsPerJob', 2)
            : cell,
    });
  const head = checkDocument(await broken('head'));
  assert.equal(head.verdict, 'incorrect');
  assert.match(head.headline, /^INCORRECT: 3 jobs were lost \(it @head, /);
  const { result, plans } = await broken('base');
  const early = {
    ...result,
    cells: result.cells.filter(({ block, verdict }) => block < 2 || verdict === 'incorrect'),
  };
  assert.match(checkDocument({ result: early, plans }).headline, /^UNDECIDED: the base is incorrect/);
});

const CLAIM: Omit<Plan, 'cell'> = {
  ...{ role: 'worker', statement: 'SELECT id FROM jobs', how: 'auto_explain', seen: 40 },
  query: 'SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
  plan: 'Limit  (cost=0.42..0.50 rows=1 width=8)\n  ->  LockRows  (cost=0.42..900 rows=40000 width=8)\n        ->  Index Scan using jobs_next on jobs  (cost=0.42..800 rows=40000 width=8)',
};

test('causes: an index that is gone, the words of a statement, its plan; each once', async (t) => {
  const objects = ['column jobs.id bigint', 'CREATE INDEX jobs_next ON jobs USING btree (id)'];
  const telemetry = { sampling: true, readings: 1, missing: [], storage: [] };
  const document = checkDocument(
    await syntheticCheck(t, {
      blocks: 5,
      amend: (cell, side) => ({
        ...(side === 'head' ? withCost(cell, 'buffersPerJob', 20) : cell),
        telemetry: { ...telemetry, objects: side === 'head' ? objects.slice(0, 1) : objects },
      }),
      plans: (side) =>
        side === 'base'
          ? [CLAIM]
          : [
              {
                ...CLAIM,
                query: CLAIM.query.replace(' SKIP LOCKED', ''),
                plan: CLAIM.plan.replace('Index Scan using jobs_next on jobs', 'Seq Scan on jobs'),
              },
            ],
    }),
  );
  assert.deepEqual(document.causes, [
    { contender: CONTENDER, what: 'schema', text: 'gone: CREATE INDEX jobs_next ON jobs USING btree (id)' },
    {
      ...{ contender: CONTENDER, what: 'statement' },
      text: 'changed: SELECT id FROM …: after `LIMIT 1 FOR UPDATE`, `SKIP LOCKED` became nothing',
    },
    {
      ...{ contender: CONTENDER, what: 'plan' },
      text: 'SELECT id FROM jobs: Index Scan using jobs_next on jobs became Seq Scan on jobs',
    },
  ]);
  assert.ok(worseIn(document).includes('plans.wholeTable'));
});

test('a plan that one block alone shows is no cause', async (t) => {
  let cells = 0;
  const document = checkDocument(
    await syntheticCheck(t, {
      blocks: 5,
      amend: (cell, side) => (side === 'head' ? withCost(cell, 'walBytesPerJob', 2) : cell),
      plans: (side) => {
        cells += 1;
        const odd = side === 'head' && cells === 10;
        return [
          odd
            ? { ...CLAIM, plan: CLAIM.plan.replace('Index Scan using jobs_next on jobs', 'Seq Scan on jobs') }
            : CLAIM,
        ];
      },
    }),
  );
  assert.deepEqual(
    document.causes.map(({ what }) => what),
    ['client'],
  );
});

test('a baseline: its figures are judged on the same server and machine, and shown elsewhere', async (t) => {
  const recorded = await syntheticCheck(t, { blocks: 8 });
  const baseline = baselineOf({
    ...recorded.result,
    contenders: [`${CONTENDER} @head`],
    cells: recorded.result.cells.filter(({ contender }) => contender.name.endsWith('@head')),
  });
  assert.ok(baseline);
  const against = async (amendResult: (result: typeof recorded.result) => typeof recorded.result) =>
    checkDocument(
      await syntheticCheck(t, {
        blocks: 6,
        check: { base: { kind: 'bundle', label: 'baseline' }, baseline },
        amend: (cell, side) => (side === 'head' ? withCost(cell, 'walBytesPerJob', 1.2) : cell),
        amendResult: (result) =>
          amendResult({
            ...result,
            cells: result.cells.filter(({ contender }) => contender.name.endsWith('@head')),
          }),
      }),
    );
  const here = await against((result) => result);
  assert.deepEqual(worseIn(here), ['cost.walBytesPerJob']);
  assert.deepEqual(here.causes, []);
  assert.match(here.warnings.join('\n'), /the base is of another day/);
  const elsewhere = await against((result) => ({
    ...result,
    environment: { ...result.environment, cpuModel: 'another' },
  }));
  assert.deepEqual(worseIn(elsewhere), ['cost.walBytesPerJob']);
  const soft = elsewhere.rows.filter(({ kind }) => kind === 'soft');
  assert.ok(soft.length > 0 && soft.every(({ verdict }) => verdict === 'not judged'));
  const otherServer = await against((result) => ({
    ...result,
    environment: { ...result.environment, server: { ...result.environment.server, version: '12.1' } },
  }));
  assert.equal(otherServer.verdict, 'undecided');
  assert.ok(otherServer.rows.every(({ verdict }) => verdict === 'not judged'));
});
