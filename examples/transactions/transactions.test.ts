// Is the job there if and only if the caller's transaction commits, whichever library that is of?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import knexFactory from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import postgres from 'postgres';
import { createQueue, type Driver, pgDriver, type Queue } from '../../queue/index.ts';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { placeOrder as throughDrizzle } from './drizzle.ts';
import { placeOrder as throughKnex } from './knex.ts';
import { type Shop, placeOrder as throughKysely } from './kysely.ts';
import { placeOrder as throughPg } from './pg.ts';
import { placeOrder as throughPgPromise } from './pg-promise.ts';
import { placeOrder as throughPostgres } from './postgres.ts';

/** Strategies whose enqueues differ most. */
const STRATEGIES = ['skip-locked', 'packed-lease', 'range-lease', 'ring'];

type Place = (queue: Queue, item: string) => Promise<number>;
interface Library {
  readonly place: Place;
  readonly close: () => Promise<unknown>;
}

const libraries: Readonly<Record<string, (url: string) => Library>> = {
  pg(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    return { place: (queue, item) => throughPg(pool, queue, item), close: () => pool.end() };
  },
  postgres(url) {
    const sql = postgres(url, { max: 2 });
    return { place: (queue, item) => throughPostgres(sql, queue, item), close: () => sql.end() };
  },
  'pg-promise'(url) {
    const db = pgPromise()(url);
    return { place: (queue, item) => throughPgPromise(db, queue, item), close: () => db.$pool.end() };
  },
  kysely(url) {
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) });
    const db = new Kysely<Shop>({ dialect });
    return { place: (queue, item) => throughKysely(db, queue, item), close: () => db.destroy() };
  },
  drizzle(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    return { place: (queue, item) => throughDrizzle(pool, queue, item), close: () => pool.end() };
  },
  knex(url) {
    const knex = knexFactory({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    return { place: (queue, item) => throughKnex(knex, queue, item), close: () => knex.destroy() };
  },
};

let database: TestDatabase;
let driver: Driver;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
  await driver.query({
    text: 'CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text NOT NULL)',
  });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const payloads = async (queue: Queue) =>
  (await queue.strategy.contents(driver, undefined, 100)).map(({ payload }) => payload);

for (const [name, open] of Object.entries(libraries))
  describe(name, () => {
    for (const strategy of STRATEGIES)
      test(`${strategy}: order and job commit together, or not at all`, async () => {
        await using queue = createQueue({ driver, strategy, schema: `${name} ${strategy}` });
        await queue.install();
        const { place, close } = open(database.url);
        try {
          const first = await place(queue, 'lamp');
          await assert.rejects(place(queue, ''), /an order needs an item/);
          const second = await place(queue, 'chair');
          assert.deepEqual(await payloads(queue), [{ order: first }, { order: second }]);
        } finally {
          await close();
        }
      });
  });
