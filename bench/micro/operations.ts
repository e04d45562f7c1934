// Which operations of a strategy are timed, what does each need before it, and what proves its answer?

import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ClaimedJob,
  CopyingDatabase,
  Database,
  JobId,
  NewJob,
  SettleResult,
  StrategyFactory,
  Turn,
} from '../../queue/index.ts';
import type { Timed } from './sample.ts';
import { acks, LEASE_MS, QUEUE, requireAcked, requireCount, type Visit, WrongAnswer } from './site.ts';

/** One operation on `size` jobs. */
export interface Operation {
  readonly name: string;
  readonly size: number;
  /** Why this strategy has no such operation; undefined where it has. */
  readonly absent: (visit: Visit) => string | undefined;
  readonly timed: (visit: Visit) => Timed;
}

const OPERATION_NAMES = ['enqueue', 'copy', 'claim', 'settle', 'turn', 'heartbeat', 'reap'] as const;
type Name = (typeof OPERATION_NAMES)[number];

type Kind = Pick<Operation, 'absent'> & { readonly make: (visit: Visit, size: number) => Timed };

const SIZES: Readonly<Record<Name, readonly number[]>> = {
  enqueue: [1, 100, 1_000],
  copy: [1_000],
  claim: [1, 100],
  settle: [1, 100],
  turn: [1, 100],
  heartbeat: [1, 100],
  reap: [100],
};

/** All sizes of all operations, in the order of the report. */
export const OPERATIONS: readonly Operation[] = OPERATION_NAMES.flatMap((name) =>
  SIZES[name].map((size) => ({
    name,
    size,
    absent: (visit: Visit) => absentFor(visit, name, size),
    timed: (visit: Visit) => KINDS[name].make(visit, size),
  })),
);

/** Operations that a strategy whose claims are of one job has no larger form of. */
const CLAIMING: readonly Name[] = ['claim', 'settle', 'turn', 'heartbeat', 'reap'];

function absentFor(visit: Visit, name: Name, size: number): string | undefined {
  const single = visit.strategy.fixed?.batch;
  if (size > 1 && single !== undefined && CLAIMING.includes(name)) return single;
  return KINDS[name].absent(visit);
}

const always = (): undefined => undefined;

const KINDS: Readonly<Record<Name, Kind>> = {
  enqueue: {
    absent: always,
    make: (visit, size) => enqueueing(visit, size, (jobs) => visit.strategy.enqueue(visit.driver, jobs)),
  },
  copy: {
    absent: ({ strategy }) => (strategy.bulk === undefined ? 'it enqueues through no COPY' : undefined),
    make: (visit, size) =>
      enqueueing(visit, size, (jobs) => visit.driver.transaction((tx) => copied(visit, tx, jobs))),
  },
  claim: { absent: always, make: claiming },
  settle: { absent: always, make: settling },
  turn: {
    absent: ({ session }) =>
      session.turn === undefined ? 'settle and claim are two round trips that travel together' : undefined,
    make: turning,
  },
  heartbeat: {
    absent: ({ session, strategy }) => {
      if (session.heartbeat !== undefined) return undefined;
      return strategy.guarantees.lease === 'session'
        ? 'its leases last as long as their session'
        : 'its leases cannot be prolonged';
    },
    make: beating,
  },
  reap: {
    absent: ({ site, strategy }) => {
      if (strategy.guarantees.lease === 'session') return 'its leases end with their session';
      return endsByItself(site.factory)
        ? 'an expired lease ends by itself: the next claim takes the job'
        : undefined;
    },
    make: reaping,
  },
};

async function copied(visit: Visit, tx: Database, jobs: readonly NewJob[]): Promise<readonly JobId[]> {
  const { bulk } = visit.strategy;
  if (bulk === undefined || !copies(tx)) throw new WrongAnswer('there was no COPY');
  return (await bulk.enqueue(tx, jobs)) ?? [];
}

function copies(db: Database): db is CopyingDatabase {
  return db.copyIn !== undefined;
}

function endsByItself({ contract }: StrategyFactory): boolean {
  return contract === 'visibility-timeout';
}

function enqueueing(
  visit: Visit,
  size: number,
  enqueue: (jobs: readonly NewJob[]) => Promise<readonly JobId[]>,
): Timed {
  let jobs: readonly NewJob[] = [];
  let ids: readonly JobId[] = [];
  return {
    async before() {
      jobs = visit.site.newJobs(size);
      await visit.strategy.bulk?.prepare?.(visit.driver, jobs);
    },
    async run() {
      ids = await enqueue(jobs);
    },
    async after() {
      requireCount(new Set(ids).size, size, 'different ids were returned');
      await visit.drop(ids);
      await visit.site.keepUp(visit.strategy, visit.driver);
    },
  };
}

function claiming(visit: Visit, size: number): Timed {
  let jobs: readonly ClaimedJob[] = [];
  return {
    before: () => visit.supply(size),
    async run() {
      jobs = await visit.session.claim(QUEUE, size, LEASE_MS);
    },
    async after() {
      visit.site.taken += jobs.length;
      requireCount(new Set(jobs.map((job) => job.id)).size, size, 'different jobs were claimed');
      await visit.settle(jobs);
      await visit.restore(size);
    },
  };
}

function settling(visit: Visit, size: number): Timed {
  let jobs: readonly ClaimedJob[] = [];
  let answer: SettleResult | undefined;
  return {
    async before() {
      await visit.supply(size);
      jobs = await visit.claim(size);
    },
    async run() {
      answer = await visit.session.settle(acks(jobs));
    },
    async after() {
      if (answer === undefined) throw new WrongAnswer('there was no settle');
      requireAcked(answer, size);
      await visit.restore(size);
    },
  };
}

function turning(visit: Visit, size: number): Timed {
  let held: readonly ClaimedJob[] = [];
  let answer: Awaited<ReturnType<Turn['settleAndClaim']>> | undefined;
  return {
    async open() {
      await visit.supply(size);
      held = await visit.claim(size);
      await visit.restore(size);
    },
    before: () => visit.supply(size),
    async run() {
      answer = await visit.session.turn?.settleAndClaim(acks(held), QUEUE, size, LEASE_MS);
    },
    async after() {
      if (answer === undefined) throw new WrongAnswer('there was no turn');
      if (answer.settleError !== undefined) throw answer.settleError;
      requireAcked(answer.settled, held.length);
      held = answer.jobs;
      visit.site.taken += held.length;
      requireCount(new Set(held.map((job) => job.id)).size, size, 'different jobs were claimed');
      await visit.restore(size);
    },
    close: () => visit.settle(held),
  };
}

function beating(visit: Visit, size: number): Timed {
  let jobs: readonly ClaimedJob[] = [];
  let lost: readonly JobId[] | undefined;
  return {
    async open() {
      await visit.supply(size);
      jobs = await visit.claim(size);
      await visit.restore(size);
    },
    async run() {
      lost = await visit.session.heartbeat?.extend(jobs, LEASE_MS);
    },
    async after() {
      if (lost === undefined) throw new WrongAnswer('there was no heartbeat');
      requireCount(lost.length, 0, 'leases were lost');
    },
    close: () => visit.settle(jobs),
  };
}

/** A lease of 1 ms has ended by then. */
const EXPIRED_AFTER_MS = 4;

function reaping(visit: Visit, size: number): Timed {
  let ended = 0;
  return {
    async before() {
      await visit.supply(size);
      await visit.claim(size, 1);
      await sleep(EXPIRED_AFTER_MS);
    },
    async run() {
      ({ ended } = await visit.strategy.reap(visit.driver, size));
    },
    async after() {
      requireCount(ended, size, 'leases were ended');
      await visit.site.keepUp(visit.strategy, visit.driver);
      // Others are leased next time: what was reaped once may lie elsewhere now.
      await visit.take(size);
      await visit.restore(size);
    },
  };
}
