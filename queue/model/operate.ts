// What do operators do in a sequence, as far as the strategy lets them?

import assert from 'node:assert/strict';
import type { DeadLetterFilter, DeadLetterStore, JobId } from '../strategy.ts';
import { type Letters, QUEUES, type Target } from './commands.ts';
import type { ModelJob } from './job.ts';
import type { Model } from './model.ts';
import { judgeEmptied, judgeListed, judgeRemoved, type PageAsked } from './operators.ts';
import { ALL, type Of, type Scene, timed } from './scene.ts';
import { judgeRecord, judgeStored, type LossesTold } from './standing.ts';

/** An id that no sequence comes to. */
const NOBODY: JobId = '9223372036854775807';

const IS: Readonly<Record<Exclude<Target['of'], 'nobody'>, (job: ModelJob) => boolean>> = {
  waiting: ({ state }) => state.kind === 'ready' || state.kind === 'delayed',
  leased: ({ state }) => state.kind === 'leased',
  dead: ({ state }) => state.kind === 'dead',
  any: () => true,
};

/** The jobs that `targets` mean; one may be meant twice. */
export function idsOf(model: Model, targets: readonly Target[]): readonly JobId[] {
  return targets.flatMap(({ of, index }) => {
    if (of === 'nobody') return [NOBODY];
    const jobs = [...model.jobs.values()].filter(IS[of]);
    const job = jobs.at(-1 - (index % Math.max(1, jobs.length)));
    return job === undefined ? [] : [job.id];
  });
}

/** Where a crash costs no attempt, it is no failed one. */
function lossesTold({ slot, without }: Scene): LossesTold {
  if (!slot.strategy.guarantees.crashCountsAttempt) return 'none';
  if (without.has('errors of lost leases')) return 'last';
  return without.has('errors of lost leases at once') ? 'late' : 'all';
}

/** Looks `ids` up, and holds what is told of them to the model. */
export async function findJobs(scene: Scene, ids: readonly JobId[]): Promise<void> {
  const { model, slot } = scene;
  const { inspection } = slot.strategy;
  if (inspection === undefined || ids.length === 0) return;
  const { answer, at } = await timed(() => inspection.find(slot.driver, ids));
  scene.note(`found ${answer.map(({ id, state, attempt }) => `${id} ${state}(${attempt})`).join(', ')}`);
  const asked = [...new Set(ids)].flatMap((id) => model.jobs.get(id) ?? []);
  judgeStored(model, asked, answer, at);
  for (const record of answer) {
    const job = model.jobs.get(record.id);
    assert(job);
    judgeRecord(model, job, record, lossesTold(scene));
  }
}

/** Cancels the jobs that `targets` mean. */
export async function removeJobs(scene: Scene, targets: readonly Target[]): Promise<void> {
  const { model, slot } = scene;
  const { cancellation } = slot.strategy;
  const ids = idsOf(model, targets);
  if (cancellation === undefined || ids.length === 0) return;
  const { answer, at } = await timed(() => cancellation.removeWaiting(slot.driver, ids));
  scene.note(`of ${ids.join(' ')} removed ${answer.join(' ')}`);
  judgeRemoved(model, ids, answer, at, true);
}

function filterOf(model: Model, letters: Letters): DeadLetterFilter {
  switch (letters.by) {
    case 'all':
      return {};
    case 'queue':
      return { queue: QUEUES[letters.queue] ?? '' };
    case 'ids':
      return { ids: idsOf(model, letters.targets) };
    case 'death':
      return { diedBefore: new Date(Date.now() - letters.agoMs) };
  }
}

async function list(scene: Scene, store: DeadLetterStore, ask: PageAsked): Promise<readonly JobId[]> {
  const { model, slot } = scene;
  const { answer, at } = await timed(() => store.list(slot.driver, ask.filter, ask.afterId, ask.limit));
  const ids = answer.map(({ id }) => id);
  scene.note(`listed ${JSON.stringify(ask)}: ${ids.join(' ')}`);
  judgeListed(model, ask, answer, at, lossesTold(scene));
  return ids;
}

const EVERY: PageAsked = { filter: {}, afterId: undefined, limit: ALL };

/** Reads a page of dead letters. */
export async function listDeadLetters(scene: Scene, { letters, after, limit }: Of<'list'>): Promise<void> {
  const { model, slot } = scene;
  const { deadLetters } = slot.strategy;
  if (deadLetters === undefined) return;
  const [afterId] = after === undefined ? [] : idsOf(model, [after]);
  await list(scene, deadLetters, { filter: filterOf(model, letters), afterId, limit });
}

/** Redrives and purges at once. What there was and what is left is listed, and a purge judged by how many went. */
export async function emptyDeadLetters(scene: Scene, { letters, by, limit }: Of<'empty'>): Promise<void> {
  const { model, slot } = scene;
  const { deadLetters } = slot.strategy;
  if (deadLetters === undefined) return;
  await list(scene, deadLetters, EVERY);
  const filter = filterOf(model, letters);
  const { answer, at } = await timed(() =>
    Promise.all(
      by.map(async (what) =>
        what === 'redrive'
          ? (await deadLetters.redrive(slot.driver, filter, limit)).map(({ id }) => id)
          : (await deadLetters.purge(slot.driver, filter, limit)).length,
      ),
    ),
  );
  scene.note(`${by.join(' and ')} of ${limit} by ${JSON.stringify(filter)}: ${JSON.stringify(answer)}`);
  const redriven = answer.filter((told) => typeof told !== 'number');
  const purged = answer.filter((told) => typeof told === 'number');
  const listed = await timed(() => deadLetters.list(slot.driver, {}, undefined, ALL));
  const left = new Set(listed.answer.map(({ id }) => id));
  judgeEmptied(model, { filter, limit, redriven, purged, left }, at);
}

/** Deletes the dead letters of a sequence that has ended, so that the next one meets none. */
export async function purgeAll({ model, slot }: Scene): Promise<void> {
  const { deadLetters } = slot.strategy;
  const dead = [...model.jobs.values()].filter(IS.dead);
  if (deadLetters === undefined || dead.length === 0) return;
  const { answer, at } = await timed(() => deadLetters.purge(slot.driver, {}, ALL));
  const emptied = { filter: {}, limit: ALL, redriven: [], purged: [answer.length], left: new Set<JobId>() };
  judgeEmptied(model, emptied, at);
}
