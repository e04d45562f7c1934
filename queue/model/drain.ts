// Is nothing lost? At the end of a sequence all is committed, expired, worked off, and the tables reconcile.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../strategy.ts';
import { QUEUES, SESSIONS } from './commands.ts';
import type { ModelJob, ModelLease } from './job.ts';
import { findJobs, purgeAll } from './operate.ts';
import { ALL } from './scene.ts';
import type { Sequence } from './sequence.ts';

/** Past this, what is still in the queue is not handed out: nothing in a sequence waits a tenth of it. */
const DRAIN_MS = 3_000;
const LOOK_AGAIN_MS = 4;

/** Works off what a sequence left, with all of its sessions, and holds the tables to the model. */
export async function drain(sequence: Sequence, how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
  const { model, slot } = sequence;
  await sequence.endOpen(how);
  await sequence.look();
  await findJobs(sequence, [...model.jobs.keys()]);
  const endMs = performance.now() + DRAIN_MS;
  for (let round = 0; ; round += 1) {
    await ackHeld(sequence);
    const left = model.unsettled();
    if (left.length === 0) break;
    assert(performance.now() < endMs, `not handed out: ${left.map(describe).join(', ')}`);
    if (round > 0) await sleep(LOOK_AGAIN_MS);
    await sleep(Math.max(0, Math.min(...left.map(readyAtMs)) - Date.now()));
    await workOff(sequence, left);
  }
  await sequence.look();
  await purgeAll(sequence);
  for (const { id, state } of model.jobs.values()) if (state.kind === 'dead') slot.dead.add(id);
}

/** Acks every lease that its session still holds, but for those that are left to expire. */
async function ackHeld(sequence: Sequence): Promise<void> {
  const { model, slot } = sequence;
  const held = model.unsettled().flatMap(({ state }) => (state.kind === 'leased' ? [state.lease] : []));
  for (let place = 0; place < SESSIONS; place += 1) {
    const by = slot.at(place);
    const leases = held.filter((lease) => lease.place === place && !endsSoon(sequence, lease));
    const outcomes = leases.map(({ job }): Outcome => ({ kind: 'ack', job }));
    await sequence.settle(by, { leases, outcomes });
  }
}

/** Its end is near, or behind it, and nothing put it off: its job must come back by itself. */
function endsSoon({ model }: Sequence, lease: ModelLease): boolean {
  return model.endsByItself(lease) && lease.liveUntilMs < Date.now() + DRAIN_MS / 10;
}

function readyAtMs({ state }: ModelJob): number {
  if (state.kind === 'delayed') return state.dueMs;
  return state.kind === 'leased' ? state.lease.liveUntilMs : 0;
}

async function workOff(sequence: Sequence, left: readonly ModelJob[]): Promise<void> {
  const kinds = new Set(left.map(({ state }) => state.kind));
  if (kinds.has('delayed')) await sequence.promote(ALL);
  if (kinds.has('leased')) {
    await sequence.reap(ALL);
    // What was in its last attempt is a dead letter now.
    await sequence.look();
  }
  await sequence.upkeep();
  const wanted = new Set(left.map(({ spec }) => spec.queue));
  for (let session = 0; session < SESSIONS; session += 1)
    for (const [queue, name] of QUEUES.entries())
      if (wanted.has(name)) {
        // By turns: some jobs may be had by one session only.
        await sequence.claim({ session, queue, limit: 100, short: false }, true);
        await ackHeld(sequence);
        if (sequence.model.unsettled().length === 0) return;
      }
}

function describe({ id, state, attempts, spec }: ModelJob): string {
  return `job ${id} of ${spec.queue} (${state.kind}, ${attempts} of ${spec.maxAttempts} attempts)`;
}
