import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import { startPooler } from '../testing/pooler.ts';
import { pgDriver } from './drivers/pg.ts';
import { postgresDriver } from './drivers/postgres.ts';
import { strategies } from './strategies/index.ts';
import { sessionSettings } from './strategies/shared/planner.ts';
const CQ = Object.entries(sessionSettings).map(([a,b]) => `SET ${a} = '${b}'`).join('; ');
test('exp', async (t) => {
  for (const open of [pgDriver, postgresDriver]) 
  for (const name of (process.env['ST'] ?? 'skip-locked,visibility-timeout,table-move,packed-lease,range-lease').split(',')) {
    const factory = strategies.find((s) => s.strategyName === name)!;
    for (const way of ['direct', 'pooler', 'pooler+query', 'pooler unprepared', 'pooler unprepared+query']) {
      const db = await testDatabase();
      const pooler = way === 'direct' ? undefined : await startPooler({ size: 4, ...(way.endsWith('query') ? { connectQuery: CQ } : {}) });
      const driver = open({ ...(pooler?.through(db) ?? db.settings), max: 2, ...(way.includes('unprepared') ? { prepare: false } : {}) });
      const strategy = factory.create({ schema: 's' });
      await strategy.install(driver);
      // dead notices
      await driver.query({ text: `DO $$ DECLARE r record; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relnamespace='s'::regnamespace AND relkind='r' LOOP EXECUTE format('ALTER TABLE s.%I SET (autovacuum_enabled=false)', r.relname); END LOOP; END $$` });
      await driver.query({ text: 'ANALYZE' });
      const session = await strategy.openWorker(await driver.connect('x'), 'w');
      const cycle = async (n: number, limit: number) => {
        const start = performance.now();
        let jobs = 0;
        for (let i = 0; i < n; i++) {
          const got = await session.claim('q', limit, 60000);
          jobs += got.length;
          if (got.length) await session.settle(got.map((job) => ({ kind: 'ack' as const, job })));
        }
        return `${((performance.now() - start) / n).toFixed(2)} ms`;
      };
      await strategy.enqueue(driver, Array.from({ length: 20 }, (_, i) => ({ queue: 'q', payload: { i } })));
      await cycle(12, 1); await cycle(8, 100);
      for (let k = 0; k < 20; k++) await strategy.enqueue(driver, Array.from({ length: 5000 }, (_, i) => ({ queue: 'q', payload: { i } })));
      await strategy.upkeep?.run(driver);
      const a = await cycle(100, 1), b = await cycle(30, 100), a2 = await cycle(300, 1);
      console.log(driver.name, name, way, pooler?.binary.version ?? '', 'one', a, 'hundred', b, 'one again', a2);
      await session[Symbol.asyncDispose](); await driver[Symbol.asyncDispose](); await pooler?.[Symbol.asyncDispose](); await db[Symbol.asyncDispose]();
    }
  }
});
