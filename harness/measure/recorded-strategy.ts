// How does a strategy tell the recorder what its sessions ask and are answered?

import type {
  ClaimedJob,
  ClaimStrategy,
  Connection,
  Outcome,
  SettleResult,
  StrategyFactory,
  Turn,
  WorkerSession,
} from '../../queue/index.ts';
import { CLAIMERS_PER_AGENT, type ConsumerOptions } from '../contender.ts';

/** Outside every cell's keys: what a job without a key of ours is booked under. */
const FOREIGN_KEY = 0xffff_ffff;

/** The key in a payload of the harness's making; FOREIGN_KEY for any other. */
export function keyOf(payload: unknown): number {
  const k = typeof payload === 'object' && payload !== null && 'k' in payload ? payload.k : undefined;
  return typeof k === 'number' && Number.isInteger(k) && k >= 0 && k < FOREIGN_KEY ? k : FOREIGN_KEY;
}

/** What reads a session back; it must not throw. */
type ReadSession = (connection: Connection, when: 'opening' | 'end') => Promise<void>;

/**
 * The same strategy, each of whose sessions tells the recorder what it asks and what it is answered. `read` is called on
 * the session's own connection once the strategy has opened it, and before the strategy closes it where it has claimed: one
 * that its worker never needed has nothing to show.
 */
export function recorded(
  factory: StrategyFactory,
  options: ConsumerOptions,
  read: ReadSession = async () => undefined,
): StrategyFactory {
  let claimers = 0;
  return {
    strategyName: factory.strategyName,
    summary: factory.summary,
    ...(factory.contract === undefined ? {} : { contract: factory.contract }),
    create(context) {
      const strategy = factory.create(context);
      return withSessions(strategy, async (connection, workerId) => {
        const session = await strategy.openWorker(connection, workerId);
        await read(connection, 'opening');
        const claimer = options.firstClaimer + (claimers % CLAIMERS_PER_AGENT);
        claimers += 1;
        let closing = false;
        connection.ended.addEventListener('abort', () => {
          if (!closing) options.events.sessionLost(claimer);
        });
        const one = recordedSession(session, claimer, options);
        let needed = false;
        return {
          ...one,
          claim: (...asked) => {
            needed = true;
            return one.claim(...asked);
          },
          [Symbol.asyncDispose]: async () => {
            closing = true;
            if (needed && !connection.closed) await read(connection, 'end');
            await session[Symbol.asyncDispose]();
          },
        };
      });
    },
  };
}

/** Delegates everything but `openWorker`; a spread would lose the methods of a strategy that is a class. */
function withSessions(
  strategy: ClaimStrategy,
  openWorker: (connection: Connection, workerId: string) => Promise<WorkerSession>,
): ClaimStrategy {
  const { priorities, delay, fixed, upkeep, bulk, inspection, cancellation, deadLetters, installation } =
    strategy;
  return {
    name: strategy.name,
    guarantees: strategy.guarantees,
    workerDefaults: strategy.workerDefaults,
    relations: strategy.relations,
    install: (db) => strategy.install(db),
    enqueue: (db, jobs) => strategy.enqueue(db, jobs),
    openWorker,
    reap: (db, limit) => strategy.reap(db, limit),
    stats: (db, queue) => strategy.stats(db, queue),
    contents: (db, afterId, limit) => strategy.contents(db, afterId, limit),
    ...(priorities === undefined ? {} : { priorities }),
    ...(delay === undefined ? {} : { delay }),
    ...(fixed === undefined ? {} : { fixed }),
    ...(upkeep === undefined ? {} : { upkeep }),
    ...(bulk === undefined ? {} : { bulk }),
    ...(inspection === undefined ? {} : { inspection }),
    ...(cancellation === undefined ? {} : { cancellation }),
    ...(deadLetters === undefined ? {} : { deadLetters }),
    ...(installation === undefined ? {} : { installation }),
  };
}

function recordedSession(
  session: WorkerSession,
  claimer: number,
  options: ConsumerOptions,
): Omit<WorkerSession, typeof Symbol.asyncDispose> {
  const { events, nowUs } = options;
  const { heartbeat, turn } = session;
  let held = 0;

  const claimed = (requestedUs: number, idle: boolean, limit: number, jobs: readonly ClaimedJob[]): void => {
    if (jobs.length > limit) events.overClaimed(claimer, jobs.length - limit);
    held += jobs.length;
    if (jobs.length === 0) events.emptyClaim(claimer, ...(idle ? [requestedUs] : []));
    else {
      events.claimed(
        claimer,
        requestedUs,
        jobs.map((job) => keyOf(job.payload)),
        jobs.map((job) => job.attempt),
        limit,
      );
    }
  };

  /** Books a settle that is about to be sent, and how it ended. */
  const settling = (outcomes: readonly Outcome[]) => {
    const kinds = outcomes.map((o) => o.kind);
    const number = events.settling(claimer, outcomes.map(keyOfOutcome), kinds);
    // Until it is answered a strategy may count the jobs as held, and be at a limit of its own.
    const letGo = (): void => {
      held = Math.max(0, held - outcomes.length);
    };
    return {
      settled(result: SettleResult): void {
        events.settled(claimer, number, staleKeys(outcomes, result));
        letGo();
      },
      failed(error: unknown): void {
        events.settleFailed(claimer, number, error);
        letGo();
      },
    };
  };

  return {
    async claim(queue, limit, leaseMs) {
      const idle = held === 0;
      const requestedUs = nowUs();
      const jobs = await session.claim(queue, limit, leaseMs);
      claimed(requestedUs, idle, limit, jobs);
      return jobs;
    },
    // One promise deep, as `claim` is: a settle and a claim that were sent together are often answered together, and a
    // worker that hears of the claim first sends the next one alone, and so on for ever, in twice the round trips.
    async settle(outcomes) {
      const booked = settling(outcomes);
      let result: SettleResult;
      try {
        result = await session.settle(outcomes);
      } catch (error) {
        booked.failed(error);
        throw error;
      }
      booked.settled(result);
      return result;
    },
    ...(heartbeat === undefined
      ? {}
      : {
          heartbeat: {
            async extend(jobs, leaseMs) {
              const requestedUs = nowUs();
              const lost = await heartbeat.extend(jobs, leaseMs);
              const kept = lost.length === 0 ? jobs : jobs.filter(({ id }) => !lost.includes(id));
              events.extended(
                claimer,
                requestedUs,
                kept.map((job) => keyOf(job.payload)),
              );
              return lost;
            },
          },
        }),
    ...(turn === undefined
      ? {}
      : {
          turn: {
            async settleAndClaim(outcomes, queue, limit, leaseMs) {
              // The settle comes first: with what it settles gone, the session may hold no other job.
              const idle = held === outcomes.length;
              const requestedUs = nowUs();
              const booked = settling(outcomes);
              let answer: Awaited<ReturnType<Turn['settleAndClaim']>>;
              try {
                answer = await turn.settleAndClaim(outcomes, queue, limit, leaseMs);
              } catch (error) {
                booked.failed(error);
                throw error;
              }
              if (answer.settleError === undefined) booked.settled(answer.settled);
              else booked.failed(answer.settleError);
              claimed(requestedUs, idle, limit, answer.jobs);
              return answer;
            },
          },
        }),
  };
}

function keyOfOutcome(outcome: Outcome): number {
  return keyOf(outcome.job.payload);
}

function staleKeys(outcomes: readonly Outcome[], result: SettleResult): number[] {
  if (result.stale.length === 0) return [];
  const stale = new Set(result.stale);
  return outcomes.filter((outcome) => stale.has(outcome.job.id)).map(keyOfOutcome);
}
