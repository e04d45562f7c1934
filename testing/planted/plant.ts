// How is a fault planted in a sound strategy, so that the checker can be shown to find it?

import {
  type ClaimStrategy,
  type Connection,
  type StrategyFactory,
  strategies,
  type WorkerSession,
} from '../../queue/index.ts';

/** What a planted session may use: the sound one, its connection, and the schema. */
export interface PlantContext {
  readonly session: WorkerSession;
  readonly connection: Connection;
  readonly schema: string;
}

/** The built-in strategy `base` under another name, each of whose sessions is changed by `plant`. */
export function planted(
  strategyName: string,
  base: string,
  plant: (context: PlantContext) => Partial<Pick<WorkerSession, 'claim' | 'settle'>>,
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
          ...plant({ session, connection, schema }),
        };
      };
      return new Proxy(strategy, {
        get: (target, property) => {
          if (property === 'openWorker') return openWorker;
          const value: unknown = Reflect.get(target, property);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}
