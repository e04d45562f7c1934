// Which axes does the reference queue take, and what does it make of them?

import {
  type ClaimStrategy,
  claimsAtOnce,
  defaultPrefetch,
  type StrategyFactory,
  strategies,
  type WakeupName,
  wakeups,
} from '../../../queue/index.ts';
import type { Axes, DeclaredSettings, DriverName } from '../../contender.ts';

export const AXES = [
  'batch',
  'prefetch',
  'claimsAtOnce',
  'settle',
  'settleDelayMs',
  'concurrency',
  'adaptive',
  'wakeup',
  'pollMs',
  'leaseMs',
  'fillfactor',
  'driver',
  'pipeline',
] as const satisfies readonly (keyof Axes)[];

/** Wake-ups whose workers listen for signals, on a session of their own. */
const SIGNALLED: ReadonlySet<WakeupName> = new Set(['notify', 'coalesced']);

/** Of a user's factory whatever it says is found out when the cell opens it. */
export function fixedAxes(factory: StrategyFactory): Readonly<Partial<Record<keyof Axes, string>>> {
  if (!strategies.includes(factory)) return {};
  const fixed = factory.create({ schema: 'claimbench' }).fixed ?? {};
  // What follows the load is the concurrency.
  return fixed.concurrency === undefined ? fixed : { ...fixed, adaptive: fixed.concurrency };
}

/** @throws for a name that no wake-up has. */
export function wakeupOf({ wakeup: name = 'coalesced' }: Axes): WakeupName {
  const found = wakeups.find((w) => w.wakeupName === name);
  if (found === undefined) throw new Error(`unknown wakeup ${name}`);
  return found.wakeupName;
}

export function driverOf({ driver = 'pg' }: Axes): DriverName {
  return driver;
}

/** What the strategy itself is created with. */
export function fillfactorOf({ fillfactor }: Axes) {
  return fillfactor === undefined ? {} : { fillfactor };
}

/** What the worker is created with. */
export function workerAxes(axes: Axes) {
  const {
    wakeup: _wakeup,
    fillfactor: _fillfactor,
    leaseMs: _leaseMs,
    driver: _driver,
    pipeline: _pipeline,
    adaptive,
    ...rest
  } = axes;
  return adaptive === undefined ? rest : { ...rest, adaptive: { max: adaptive } };
}

/** What a cell says of itself. `poolConnections`: those of a worker beside its sessions. */
export function declaredSettings(
  factory: StrategyFactory,
  { workerDefaults }: ClaimStrategy,
  axes: Axes,
  poolConnections: number,
): DeclaredSettings {
  const batch = axes.batch ?? workerDefaults.batch;
  const wakeup = wakeupOf(axes);
  const pollMs = axes.pollMs ?? wakeups.find((w) => w.wakeupName === wakeup)?.defaultPollMs;
  const signalled = SIGNALLED.has(wakeup);
  return {
    strategy: factory.strategyName,
    wakeup,
    driver: driverOf(axes),
    batch,
    ...(pollMs === undefined ? {} : { pollMs }),
    signalled,
    // A user's strategy may send its statements as it likes: nobody has declared anything for it.
    ...(strategies.includes(factory) ? { statementMode: 'prepared' as const } : {}),
    supportSessions: poolConnections + (signalled ? 1 : 0),
    others: {
      prefetch: axes.prefetch ?? defaultPrefetch(workerDefaults, batch),
      claimsAtOnce: axes.claimsAtOnce ?? claimsAtOnce(batch),
      settle: axes.settle ?? workerDefaults.settle,
      concurrency:
        axes.adaptive === undefined
          ? (axes.concurrency ?? 1)
          : `${axes.concurrency ?? 1} to begin with, up to ${axes.adaptive}`,
      pipeline: axes.pipeline ?? 'on',
    },
  };
}
