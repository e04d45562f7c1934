// Where may a job be at an instant, and is what the database tells of it so?

import assert from 'node:assert/strict';
import type { JobId, JobRecord, StoredJob } from '../strategy.ts';
import { type Asked, CLOCK_MS, type ModelError, type ModelJob, ROUNDING_MS } from './job.ts';
import { lostAttempt, type Model } from './model.ts';

/** Where an answer may place a job. */
export type Standing = StoredJob['state'] | 'absent';

/** Where `job` may be, when that was answered at `atMs`. */
export function standingsOf(model: Model, { state }: ModelJob, atMs: number): readonly Standing[] {
  switch (state.kind) {
    case 'pending':
    case 'done':
      return ['absent'];
    case 'delayed':
      return atMs + ROUNDING_MS < state.dueMs ? ['delayed'] : ['delayed', 'ready'];
    case 'leased':
      if (atMs + CLOCK_MS < state.lease.liveUntilMs) return ['leased'];
      return model.exhausted(state.lease) ? ['leased', 'ready', 'dead'] : ['leased', 'ready'];
    default:
      return [state.kind];
  }
}

/** Of all `jobs`, exactly those were answered that must be there, each where it must be. */
export function judgeStored(
  model: Model,
  jobs: Iterable<ModelJob>,
  stored: readonly StoredJob[],
  { answeredMs }: Asked,
): void {
  const found = new Map<JobId, StoredJob>(stored.map((job) => [job.id, job]));
  assert.equal(found.size, stored.length, 'a job is listed twice');
  for (const job of jobs) {
    const standings = standingsOf(model, job, answeredMs);
    const present = found.get(job.id);
    found.delete(job.id);
    const standing = present?.state ?? 'absent';
    assert(
      standings.includes(standing),
      `job ${job.id} is ${standing} and should be ${standings.join(' or ')}`,
    );
    if (present !== undefined)
      assert.deepEqual(present.payload, job.spec.payload, `payload of job ${job.id}`);
  }
  assert.deepEqual([...found.keys()], [], 'jobs are listed that nobody enqueued, or asked for');
}

/**
 * Which lost leases are among the errors of their jobs. `late`: not before the job is handed out again, or buried; `last`: that
 * of a job's last attempt.
 */
export type LossesTold = 'all' | 'late' | 'last' | 'none';

/** What is told of a job whose place was judged already. */
export function judgeRecord(model: Model, job: ModelJob, record: JobRecord, told: LossesTold): void {
  const { id, queue, priority, maxAttempts, attempt } = record;
  const { state, spec } = job;
  // A lease that somebody took back is lost, though the model has not been told.
  const lost = state.kind === 'leased' && record.state !== 'leased' ? state.lease : undefined;
  const begun = state.kind === 'leased' ? state.lease.job.attempt : job.attempts;
  assert.deepEqual(
    { queue, priority, maxAttempts, attempt },
    {
      queue: spec.queue,
      priority: spec.priority,
      maxAttempts: spec.maxAttempts,
      attempt: lost === undefined ? begun : model.attemptsAfterLoss(lost),
    },
    `job ${id} as it was found`,
  );
  const errors =
    lost === undefined || (told === 'late' && record.state !== 'dead')
      ? job.errors
      : [...job.errors, lostAttempt(lost)];
  judgeErrors(
    record,
    errors.filter(
      ({ error, attempt: at }) =>
        error !== undefined || (told === 'last' ? at >= maxAttempts : told !== 'none'),
    ),
  );
  judgeInstants(job, record);
}

function judgeErrors({ id, errors }: JobRecord, expected: readonly ModelError[]): void {
  assert.deepEqual(
    errors.map(({ attempt, error }, at) => {
      const isLoss = at < expected.length && expected[at]?.error === undefined;
      return { attempt, error: isLoss && error.startsWith('lease expired') ? undefined : error };
    }),
    expected,
    `the errors of job ${id}`,
  );
  const instants = errors.map(({ atMs }) => atMs);
  assert.deepEqual(
    instants,
    instants.toSorted((a, b) => a - b),
    `the instants of the errors of job ${id}`,
  );
}

function judgeInstants({ state }: ModelJob, record: JobRecord): void {
  const { id, runAtMs, leaseExpiresAtMs, worker, diedAtMs } = record;
  if (state.kind === 'delayed' && record.state === 'delayed')
    assert((runAtMs ?? 0) + CLOCK_MS >= state.dueMs, `job ${id} is due at ${runAtMs}, not ${state.dueMs}`);
  else if (state.kind === 'leased' && record.state === 'leased') {
    const { lease } = state;
    if (leaseExpiresAtMs !== undefined) {
      const said = `the lease of job ${id} is told to end at ${leaseExpiresAtMs}, not ${lease.liveUntilMs}`;
      assert(leaseExpiresAtMs + CLOCK_MS >= lease.liveUntilMs, said);
      assert(lease.batch.extended || leaseExpiresAtMs - CLOCK_MS <= lease.liveUntilMs, said);
    }
    assert.equal(worker ?? `worker ${lease.place}`, `worker ${lease.place}`, `who holds job ${id}`);
  } else if (state.kind === 'dead')
    assert(
      diedAtMs !== undefined && diedAtMs >= state.fromMs - CLOCK_MS && diedAtMs <= state.toMs + CLOCK_MS,
      `job ${id} died at ${diedAtMs}, not in ${state.fromMs}…${state.toMs}`,
    );
}
