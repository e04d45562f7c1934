// What may an operator be answered who cancels jobs, and who lists, redrives and purges dead letters?

import assert from 'node:assert/strict';
import type { DeadLetterFilter, JobId, JobRecord } from '../strategy.ts';
import { type Asked, CLOCK_MS, type ModelJob } from './job.ts';
import type { Model } from './model.ts';
import { judgeRecord, type LossesTold, standingsOf } from './standing.ts';

/** A removal of `ids` was answered. `alone`: nobody else was at work, so that whatever waited had to go. */
export function judgeRemoved(
  model: Model,
  ids: readonly JobId[],
  removed: readonly JobId[],
  { answeredMs }: Asked,
  alone: boolean,
): void {
  const gone = new Set(removed);
  assert.equal(gone.size, removed.length, 'a removal names a job twice');
  for (const id of new Set(ids)) {
    const job = model.jobs.get(id);
    const isGone = gone.delete(id);
    const standings = job === undefined ? ['absent'] : standingsOf(model, job, answeredMs);
    const waits = standings.filter((standing) => standing === 'ready' || standing === 'delayed');
    assert(!isGone || waits.length > 0, `job ${id} was removed and is ${standings.join(' or ')}`);
    if (alone)
      assert(isGone || waits.length < standings.length, `job ${id} waits, and a removal passed it over`);
    if (isGone && job !== undefined) job.state = { kind: 'done' };
  }
  assert.deepEqual([...gone], [], 'a removal names jobs that it was not asked for');
}

/** Which dead letters a filter means. Of one that died near its instant only the database's clock can tell. */
interface Meant {
  readonly surely: ReadonlySet<JobId>;
  readonly perhaps: ReadonlySet<JobId>;
}

function meantBy(model: Model, filter: DeadLetterFilter, { answeredMs }: Asked, afterId?: JobId): Meant {
  const surely = new Set<JobId>();
  const perhaps = new Set<JobId>();
  const before = filter.diedBefore?.getTime() ?? Number.POSITIVE_INFINITY;
  for (const job of model.jobs.values()) {
    const { id, state, spec } = job;
    if (!standingsOf(model, job, answeredMs).includes('dead')) continue;
    if (filter.queue !== undefined && filter.queue !== spec.queue) continue;
    if (filter.ids !== undefined && !filter.ids.includes(id)) continue;
    if (afterId !== undefined && BigInt(id) <= BigInt(afterId)) continue;
    if (state.kind === 'dead' && state.toMs + CLOCK_MS < before) surely.add(id);
    else if (state.kind !== 'dead' || state.fromMs - CLOCK_MS < before) perhaps.add(id);
  }
  return { surely, perhaps: new Set([...perhaps, ...surely]) };
}

function meantDead(model: Model, what: string, id: JobId, { perhaps }: Meant): ModelJob {
  const job = model.jobs.get(id);
  assert(job && perhaps.has(id), `${what} has job ${id}, which is no dead letter that was asked for`);
  return job;
}

/** A page of dead letters, as it was asked for. */
export interface PageAsked {
  readonly filter: DeadLetterFilter;
  readonly afterId: JobId | undefined;
  readonly limit: number;
}

/** A page of dead letters was answered. */
export function judgeListed(
  model: Model,
  { filter, afterId, limit }: PageAsked,
  records: readonly JobRecord[],
  at: Asked,
  told: LossesTold,
): void {
  const meant = meantBy(model, filter, at, afterId);
  assert(records.length <= limit, `a list: asked for ${limit} dead letters, got ${records.length}`);
  const ids = records.map(({ id }) => id);
  const sorted = ids.toSorted((a, b) => Number(BigInt(a) - BigInt(b)));
  assert.deepEqual(ids, sorted, 'a list of dead letters in the order of their ids');
  const last = records.length < limit ? undefined : ids.at(-1);
  for (const id of meant.surely)
    assert(
      ids.includes(id) || (last !== undefined && BigInt(id) > BigInt(last)),
      `a list has not job ${id}, which is a dead letter that was asked for`,
    );
  for (const record of records) {
    const job = meantDead(model, 'a list', record.id, meant);
    assert.equal(record.state, 'dead', `the state of job ${record.id} in a list of dead letters`);
    model.foundDead(job, at);
    judgeRecord(model, job, record, told);
  }
}

/** What was asked for at once of the same dead letters, each for so many at most, and what was answered. */
export interface Emptied {
  readonly filter: DeadLetterFilter;
  readonly limit: number;
  readonly redriven: readonly (readonly JobId[])[];
  /** Counts of purges, which tell no ids. */
  readonly purged: readonly number[];
  /** All that there are afterwards. */
  readonly left: ReadonlySet<JobId>;
}

/** Dead letters, all of which the model knew of, were redriven and purged. */
export function judgeEmptied(model: Model, emptied: Emptied, at: Asked): void {
  const { filter, limit, redriven, purged, left } = emptied;
  const meant = meantBy(model, filter, at);
  for (const count of [...redriven.map(({ length }) => length), ...purged])
    assert(count <= limit, `asked to redrive or purge ${limit} dead letters, it was ${count}`);
  const ids = redriven.flat();
  assert.equal(new Set(ids).size, ids.length, `redriven twice: ${ids}`);
  for (const id of ids) {
    const job = meantDead(model, 'a redrive', id, meant);
    assert(!left.has(id), `job ${id} was redriven and is a dead letter`);
    job.attempts = 0;
    job.plain = false;
    job.state = { kind: 'ready' };
  }
  const gone = [...model.jobs.values()].filter(({ id, state }) => state.kind === 'dead' && !left.has(id));
  for (const job of gone) {
    meantDead(model, 'a purge', job.id, meant);
    job.state = { kind: 'done' };
  }
  const deleted = purged.reduce((sum, count) => sum + count, 0);
  assert.equal(gone.length, deleted, 'dead letters that are gone, by what redrives and purges said');
  const least = Math.min(limit, meant.surely.size);
  assert(
    ids.length + deleted >= least,
    `of ${least} dead letters ${ids.length + deleted} were redriven or purged`,
  );
}
