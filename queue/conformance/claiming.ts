// Does a claim hand out the right jobs, in order, once, and as they went in?

import assert from 'node:assert/strict';
import { MIGRATIONS } from '../schema/migrations.ts';
import { type Check, claimInTurn, LEASE_MS, QUEUE } from './bench.ts';

/** This part of the suite, by the names of its tests. */
export const claiming: Readonly<Record<string, Check>> = {
  'install twice, and at once by two, changes nothing': async (bench) => {
    const [id] = await bench.enqueue({});
    await Promise.all([bench.strategy.install(bench.driver), bench.strategy.install(bench.driver)]);
    const stored = await bench.strategy.contents(bench.driver, undefined, 10);
    assert.deepEqual(
      stored.map((job) => job.id),
      [id],
    );
  },

  'install creates the relations it declares and no others': async ({ driver, strategy, schema }) => {
    const { rows } = await driver.query<{ readonly relname: string }>({
      text: `SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
             AND NOT starts_with(relname, '${MIGRATIONS}') ORDER BY relname`,
      values: [schema],
    });
    assert.deepEqual(
      rows.map((row) => row.relname),
      [...strategy.relations].sort(),
    );
  },

  'jobs come by priority, then in the order of their enqueue': async (bench) => {
    const [a, b, c, d] = await bench.enqueue({ priority: 5 }, { priority: -5 }, { priority: 5 }, {});
    const taken = await claimInTurn(bench, 4);
    assert.deepEqual(
      taken.map(({ job }) => job.id),
      [b, d, a, c],
    );
  },

  'a claim sees its own queue only, whatever the name': async (bench) => {
    const queue = `o'clock "late" ünï→☃ \\ ; --`;
    const [id] = await bench.enqueue({ queue });
    const session = await bench.open();
    assert.deepEqual(await session.claim(QUEUE, 10, LEASE_MS), []);
    const [job] = await session.claim(queue, 10, LEASE_MS);
    assert.equal(job?.id, id);
    assert.equal(job?.queue, queue);
  },

  'payloads come back as they went in': async (bench) => {
    const payloads = [null, 0, '', false, [], { deep: [{ a: [null, 'ünï☃😀', 1.5e-7, '\\u0000', '"'] }] }];
    await bench.enqueue(...payloads.map((payload) => ({ payload })));
    const taken = await claimInTurn(bench, payloads.length);
    assert.deepEqual(
      taken.map(({ job }) => job.payload),
      payloads,
    );
  },

  'a payload that jsonb cannot hold is refused before anything is stored': async (bench) => {
    for (const payload of ['nul \u0000', { key: '\ud800' }, undefined, 1n])
      await assert.rejects(bench.enqueue({ payload: 1 }, { payload }), { name: 'InvalidArgumentError' });
    assert.deepEqual(await bench.strategy.contents(bench.driver, undefined, 10), []);
  },

  'overlapping claims of one session hand out different jobs': async (bench) => {
    await bench.enqueue({}, {}, {}, {});
    const session = await bench.open();
    const claims = await Promise.all([session.claim(QUEUE, 2, LEASE_MS), session.claim(QUEUE, 2, LEASE_MS)]);
    assert.equal(new Set(claims.flat().map((job) => job.id)).size, 4);
  },
};
