// How do the jobs of several tenants share one queue without seeing each other's rows? The database keeps them apart: each handler
// works in a transaction that has taken a role without rights of its own and named its tenant, and row-level security does the rest. A
// handler that asks for a stranger's row finds none, whatever its code or its payload says.
//
// DATABASE_URL=postgres://… npx node --import tsx examples/tenants.ts

import pg from 'pg';
import { createQueue, type Driver, pgDriver, type Queue, runUntilIdle } from '../queue/index.ts';

/** `invoice` is to be sent; a tenant that names a stranger's invoice must not see it. */
const JOBS = [
  { tenant: 'ada', invoice: 1 },
  { tenant: 'bob', invoice: 2 },
  { tenant: 'bob', invoice: 1 },
];

/** Roles belong to the whole server: one of this name may be there already. The application's role takes it, and has no rights besides. */
const ROLE = 'invoice_sender';

async function prepare(driver: Driver): Promise<void> {
  await driver.query({
    text: `
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${ROLE}') THEN CREATE ROLE ${ROLE} NOLOGIN; END IF;
END $$;
CREATE TABLE invoices (id integer PRIMARY KEY, tenant text NOT NULL, amount integer NOT NULL, sent_at timestamptz);
INSERT INTO invoices VALUES (1, 'ada', 100, NULL), (2, 'bob', 250, NULL);
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON invoices TO ${ROLE}
  USING (tenant = current_setting('app.tenant')) WITH CHECK (tenant = current_setting('app.tenant'));
GRANT SELECT, UPDATE ON invoices TO ${ROLE}`,
  });
}

/** Runs `work` as its tenant: role and setting end with the transaction, so that the next one of the pool has neither. */
async function asTenant<T>(
  pool: pg.Pool,
  tenant: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL ROLE ${ROLE}`);
    // A value, never a part of a statement: a payload is outside data.
    await client.query(`SELECT set_config('app.tenant', $1, true)`, [tenant]);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

function isJob(payload: unknown): payload is (typeof JOBS)[number] {
  return (
    typeof payload === 'object' &&
    payload !== null &&
    'tenant' in payload &&
    'invoice' in payload &&
    typeof payload.tenant === 'string' &&
    typeof payload.invoice === 'number'
  );
}

async function send(pool: pg.Pool, payload: unknown): Promise<string> {
  if (!isJob(payload)) throw new Error('the payload names no tenant or no invoice');
  const { tenant, invoice } = payload;
  return await asTenant(pool, tenant, async (client) => {
    const { rows } = await client.query<{ amount: number }>(
      'UPDATE invoices SET sent_at = now() WHERE id = $1 RETURNING amount',
      [invoice],
    );
    const [sent] = rows;
    return sent === undefined
      ? `${tenant} has no invoice ${invoice}`
      : `invoice ${invoice} over ${sent.amount} sent for ${tenant}`;
  });
}

async function workOff(queue: Queue, pool: pg.Pool): Promise<void> {
  const { acked } = await runUntilIdle(queue, {
    queue: 'invoices',
    async handler(job) {
      console.log(await send(pool, job.payload));
    },
  });
  console.log(`${acked} jobs done`);
}

async function main(connectionString: string): Promise<void> {
  const pool = new pg.Pool({ connectionString, max: 2 });
  await using driver = pgDriver({ connectionString, applicationName: 'tenants' });
  await using queue = createQueue({ driver });
  await queue.install();
  await prepare(driver);
  await queue.enqueueMany(JOBS.map((payload) => ({ queue: 'invoices', payload })));
  await workOff(queue, pool);
  await pool.end();
}

const url = process.env['DATABASE_URL'];
if (url === undefined) {
  console.error('DATABASE_URL is not set: give a postgres://… address of an empty database');
  process.exitCode = 1;
} else await main(url);
