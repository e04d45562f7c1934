// Which faults of cancelling, redriving and putting off must the model test notice, and by which words?

import {
  type Database,
  type JobId,
  qualify,
  type Redriven,
  type StrategyFactory,
} from '../../queue/index.ts';
import { planted } from './plant.ts';

/** A job of packed leases that is ready is a row here. */
function changeReady(db: Database, schema: string, change: string, jobs: readonly Redriven[]) {
  const ids = jobs.map(({ id }) => id);
  return db.query({ text: change.replace('ready', qualify(schema, 'ready')), values: [ids] });
}

/** Each fault, and what the model must say of it. */
export const operatorFaults: readonly (readonly [StrategyFactory, RegExp])[] = [
  [
    planted('removes-leased-jobs', 'packed-lease', () => ({}), {
      removeWaiting: (sound, schema) => async (db, ids) => {
        const { rows } = await db.query<{ readonly id: JobId }>({
          text: `
WITH gone AS (
  DELETE FROM ${qualify(schema, 'lease')}
  WHERE EXISTS (SELECT FROM json_array_elements(jobs::json) AS job WHERE job ->> 0 = ANY ($1))
  RETURNING jobs
)
SELECT job ->> 0 AS id FROM gone CROSS JOIN LATERAL json_array_elements(jobs::json) AS job WHERE job ->> 0 = ANY ($1)`,
          values: [ids],
        });
        return [...(await sound(db, ids)), ...rows.map(({ id }) => id)];
      },
    }),
    /was removed and is (leased|absent)|should be (leased|absent)|names a job twice|living lease|not handed out/,
  ],
  [
    planted('passes-over-delayed-jobs', 'packed-lease', () => ({}), {
      removeWaiting: (sound, schema) => async (db, ids) => {
        const { rows } = await db.query<{ readonly id: JobId }>({
          text: `SELECT id::text AS id FROM ${qualify(schema, 'ready')} WHERE id = ANY ($1::bigint[])`,
          values: [ids],
        });
        return sound(
          db,
          rows.map(({ id }) => id),
        );
      },
    }),
    /waits, and a removal passed it over/,
  ],
  [
    planted('redrives-with-old-attempts', 'packed-lease', () => ({}), {
      deadLetters: (sound, schema) => ({
        async redrive(db, filter, limit) {
          const redriven = await sound.redrive(db, filter, limit);
          await changeReady(
            db,
            schema,
            'UPDATE ready SET attempt = max_attempts - 1 WHERE id = ANY ($1)',
            redriven,
          );
          return redriven;
        },
      }),
    }),
    /as it was (found|handed out)/,
  ],
  [
    planted('redrive-loses-a-job', 'packed-lease', () => ({}), {
      deadLetters: (sound, schema) => ({
        async redrive(db, filter, limit) {
          const redriven = await sound.redrive(db, filter, limit);
          if (redriven.length > 1)
            await changeReady(db, schema, 'DELETE FROM ready WHERE id = ANY ($1)', redriven.slice(0, 1));
          return redriven;
        },
      }),
    }),
    /is absent and should be ready|goes first|not handed out|passed it over/,
  ],
  [
    planted('redrive-forgets-errors', 'packed-lease', () => ({}), {
      deadLetters: (sound, schema) => ({
        async redrive(db, filter, limit) {
          const redriven = await sound.redrive(db, filter, limit);
          await changeReady(db, schema, 'UPDATE ready SET last_error = NULL WHERE id = ANY ($1)', redriven);
          return redriven;
        },
      }),
    }),
    /the errors of job/,
  ],
  [
    planted('overlooks-the-filter', 'packed-lease', () => ({}), {
      deadLetters: (sound) => ({
        redrive: (db, _filter, limit) => sound.redrive(db, {}, limit),
        purge: (db, _filter, limit) => sound.purge(db, {}, limit),
      }),
    }),
    /no dead letter that was asked for/,
  ],
  [
    planted('releases-before-the-delay', 'packed-lease', ({ session }) => ({
      settle: (outcomes) =>
        session.settle(
          outcomes.map((one) => (one.kind === 'release' ? { kind: 'release', job: one.job } : one)),
        ),
    })),
    /early|is ready and should be delayed/,
  ],
];
