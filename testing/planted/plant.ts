// How is a fault planted in a sound strategy, so that the checker can be shown to find it?

import {
  type Cancellation,
  type ClaimedJob,
  type ClaimStrategy,
  type Connection,
  type DeadLetterStore,
  type Guarantees,
  qualify,
  type StrategyFactory,
  strategies,
  type WorkerSession,
} from '../../queue/index.ts';

/** What a planted session may use: the sound one, its connection, and the schema. */
export interface PlantContext {
  readonly session: WorkerSession;
  readonly connection: Connection;
  readonly schema: string;
  readonly workerId: string;
}

/** What of a strategy is changed beside its sessions. */
export interface PlantedStrategy {
  readonly guarantees?: Partial<Guarantees>;
  /** Made from the sound one. */
  readonly enqueue?: (sound: ClaimStrategy['enqueue']) => ClaimStrategy['enqueue'];
  readonly removeWaiting?: (
    sound: Cancellation['removeWaiting'],
    schema: string,
  ) => Cancellation['removeWaiting'];
  /** What it leaves out is sound. */
  readonly deadLetters?: (sound: DeadLetterStore, schema: string) => Partial<DeadLetterStore>;
}

/** What `changed` makes of the capabilities of `strategy`; those that it does not touch are not there. */
function changedCapabilities(
  { removeWaiting, deadLetters }: PlantedStrategy,
  strategy: ClaimStrategy,
  schema: string,
): Pick<ClaimStrategy, 'cancellation' | 'deadLetters'> {
  const missing = (): never => {
    throw new Error(`${strategy.name} has not what is to be changed`);
  };
  return {
    ...(removeWaiting === undefined
      ? {}
      : {
          cancellation: {
            removeWaiting: removeWaiting((strategy.cancellation ?? missing()).removeWaiting, schema),
          },
        }),
    ...(deadLetters === undefined
      ? {}
      : {
          deadLetters: {
            ...(strategy.deadLetters ?? missing()),
            ...deadLetters(strategy.deadLetters ?? missing(), schema),
          },
        }),
  };
}

/** The built-in strategy `base` under another name, each of whose sessions is changed by `plant`. */
export function planted(
  strategyName: string,
  base: string,
  plant: (context: PlantContext) => Partial<Pick<WorkerSession, 'claim' | 'settle'>>,
  changed: PlantedStrategy = {},
): StrategyFactory {
  const factory = strategies.find((f) => f.strategyName === base);
  if (factory === undefined) throw new Error(`there is no strategy ${base}`);
  return {
    strategyName,
    summary: `${base} with a planted fault`,
    create({ schema }) {
      const strategy = factory.create({ schema });
      const openWorker: ClaimStrategy['openWorker'] = async (connection, workerId) => {
        const session = await strategy.openWorker(connection, workerId);
        const { heartbeat } = session;
        return {
          claim: (queue, limit, leaseMs) => session.claim(queue, limit, leaseMs),
          settle: (outcomes) => session.settle(outcomes),
          ...(heartbeat === undefined ? {} : { heartbeat }),
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
          ...plant({ session, connection, schema, workerId }),
        };
      };
      const capabilities: object = changedCapabilities(changed, strategy, schema);
      return new Proxy(strategy, {
        get: (target, property) => {
          if (property in capabilities) return Reflect.get(capabilities, property);
          if (property === 'openWorker') return openWorker;
          if (property === 'guarantees') return { ...target.guarantees, ...changed.guarantees };
          if (property === 'enqueue' && changed.enqueue !== undefined)
            return changed.enqueue((db, jobs) => target.enqueue(db, jobs));
          // It would get round the fault.
          if (property === 'bulk' && changed.enqueue !== undefined) return undefined;
          const value: unknown = Reflect.get(target, property);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

/** A claim that is sound but for its choice: the ready jobs for which `wanted` holds, in the order given. */
export function claimInOrder(
  { connection, schema, workerId }: PlantContext,
  orderBy: string,
  wanted = 'true',
): WorkerSession['claim'] {
  const jobs = qualify(schema, 'jobs');
  return async (queue, limit, leaseMs) => {
    const { rows } = await connection.query<
      Omit<ClaimedJob, 'lease' | 'queue'> & { readonly fence: string; readonly expiresAtMs: number }
    >({
      text: `
WITH candidate AS MATERIALIZED (
  SELECT ctid FROM ${jobs} WHERE state = 'r' AND queue = $1 AND ${wanted}
  ORDER BY ${orderBy} LIMIT ${limit} FOR UPDATE SKIP LOCKED
)
UPDATE ${jobs}
SET state = 'l', attempt = attempt + 1, fence = fence + 1,
  lease_expires_at = now() + $2::float8 * interval '1 ms', worker = $3
WHERE ctid = ANY (ARRAY (SELECT ctid FROM candidate))
RETURNING id::text AS id, priority, attempt, max_attempts AS "maxAttempts", fence::text AS fence,
  extract(epoch FROM lease_expires_at)::float8 * 1000 AS "expiresAtMs", payload`,
      values: [queue, leaseMs, workerId],
    });
    return rows.map(({ fence, expiresAtMs, ...job }) => ({
      ...job,
      queue,
      lease: { fencingToken: fence, expiresAtMs },
    }));
  };
}

/** Whether this is an agent's process: a file is loaded by the coordinator too, which must not be hurt. */
export function inAgent(): boolean {
  return /[/\\]agent\.[jt]s$/.test(process.argv[1] ?? '');
}

/** A sound strategy in whose agent `act` is called at the hundredth claim, once. */
export function atHundredthClaim(strategyName: string, act: () => void): StrategyFactory {
  let claims = 0;
  return planted(strategyName, 'skip-locked', ({ session }) => ({
    claim(queue, limit, leaseMs) {
      claims += 1;
      if (claims === 100 && inAgent()) act();
      return session.claim(queue, limit, leaseMs);
    },
  }));
}
