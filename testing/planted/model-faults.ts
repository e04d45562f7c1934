// Which faults must the model test of the queue notice, and by which words?
//
// Faults planted for the checker that show in a few jobs, and some that only a model can tell: the checker counts what was
// settled, and does not know what an answer should have been.

import { type ClaimedJob, qualify, type StrategyFactory } from '../../queue/index.ts';
import acksForOthers from './acks-for-others.ts';
import acksWithoutDeleting from './acks-without-deleting.ts';
import acksWithoutFence from './acks-without-fence.ts';
import deniesItsAcks from './denies-its-acks.ts';
import dropsEnqueues from './drops-enqueues.ts';
import handsOutEarly from './hands-out-early.ts';
import inventsJobs from './invents-jobs.ts';
import invertsPriorities from './inverts-priorities.ts';
import { operatorFaults } from './operator-faults.ts';
import overClaims from './over-claims.ts';
import { planted } from './plant.ts';
import reordersAFifo from './reorders-a-fifo.ts';
import settlesTwice from './settles-twice.ts';

/** By schema: what another one's jobs are, nobody there ever enqueued. */
const lastJobs = new Map<string, readonly ClaimedJob[]>();

const ownFaults: readonly (readonly [StrategyFactory, RegExp])[] = [
  [
    planted('releases-count', 'skip-locked', ({ session }) => ({
      settle: (outcomes) => session.settle(outcomes),
      async claim(queue, limit, leaseMs) {
        const jobs = await session.claim(queue, limit, leaseMs);
        return jobs.map((job) => ({ ...job, attempt: Number(job.lease.fencingToken) }));
      },
    })),
    /as it was handed out|attempt/,
  ],
  [
    planted('repeats-its-claim', 'skip-locked', ({ session, schema }) => ({
      async claim(queue, limit, leaseMs) {
        const jobs = await session.claim(queue, limit, leaseMs);
        const [again] = lastJobs.get(schema) ?? [];
        lastJobs.set(schema, jobs);
        return jobs.length === 0 && again !== undefined && again.queue === queue ? [again] : jobs;
      },
    })),
    /handed out twice within its lease|was handed out and is|never enqueued|fencing token|as it was handed out|ends at/,
  ],
  [
    planted('forgets-the-stale', 'skip-locked', ({ session }) => ({
      async settle(outcomes) {
        return { ...(await session.settle(outcomes)), stale: [] };
      },
    })),
    /took effect under a lost lease/,
  ],
  [acksWithoutFence, /took effect under a lost lease|was handed out and is done/],
  [
    planted('hides-jobs', 'skip-locked', ({ session }) => ({
      async claim(queue, limit, leaseMs) {
        const jobs = await session.claim(queue, limit, leaseMs);
        return jobs.filter(({ id }) => BigInt(id) % 20n !== 0n);
      },
    })),
    /not handed out|is leased and should be (delayed or )?ready|goes first/,
  ],
  [
    planted('reaps-too-soon', 'skip-locked', ({ session, connection, schema }) => ({
      async claim(queue, limit, leaseMs) {
        const jobs = qualify(schema, 'jobs');
        await connection.query({
          text: `UPDATE ${jobs} SET state = 'r' WHERE state = 'l' AND lease_expires_at < now() + interval '59.99 s'`,
        });
        return session.claim(queue, limit, leaseMs);
      },
    })),
    /handed out twice within its lease|called stale under a living lease|is ready and should be leased|reaped|living lease/,
  ],
];

/** Each fault, and what the model must say of it. */
export const faults: readonly { readonly factory: StrategyFactory; readonly noticed: RegExp }[] = [
  ...ownFaults,
  ...operatorFaults,
  [acksForOthers, /absent|goes first|not handed out|called stale/] as const,
  [
    acksWithoutDeleting,
    /should be absent|took effect|stale|was handed out and is|what a settle says/,
  ] as const,
  [
    deniesItsAcks,
    /called stale under a living lease|absent and should be leased|names a stale job twice/,
  ] as const,
  [dropsEnqueues, /given twice|absent|never enqueued|not handed out|goes first/] as const,
  [handsOutEarly, /early|is ready and should be delayed/] as const,
  [inventsJobs, /never enqueued/] as const,
  [invertsPriorities, /came before|goes first/] as const,
  [overClaims, /asked for/] as const,
  [reordersAFifo, /came before|goes first/] as const,
  [settlesTwice, /twice|took effect|as it was handed out|fencing token/] as const,
].map(([factory, noticed]) => ({ factory, noticed }));
