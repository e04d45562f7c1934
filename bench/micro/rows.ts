// Which rows does a run have, in which order are they measured, and what comes of their rounds?

import { DRIVER_NAMES, type DriverName } from '../../harness/contender.ts';
import type { MicroRow } from '../../harness/result/result.ts';
import type { StrategyFactory } from '../../queue/index.ts';
import { randomStream, shuffled } from '../../stats/random.ts';
import { figuresOf } from './figures.ts';
import { type LocalOperation, localOperations } from './local.ts';
import { OPERATIONS, type Operation } from './operations.ts';

/** What is to be measured. */
export interface Choice {
  readonly strategies: readonly StrategyFactory[];
  readonly drivers: readonly DriverName[];
  readonly depths: readonly number[];
  /** Names of operations; absent: all. */
  readonly operations: readonly string[] | undefined;
}

type Place = { readonly factory: StrategyFactory; readonly driver: DriverName; readonly depth: number };

export type Target =
  | ({ readonly kind: 'queue'; readonly operation: Operation } & Place)
  | { readonly kind: 'local'; readonly operation: LocalOperation };

/** One row of the result as it comes to be. */
export interface Row {
  readonly target: Target;
  /** Samples of each round so far, µs. */
  readonly rounds: (readonly number[])[];
  /** Why it will have no figures, as soon as that is known. */
  without: { readonly state: 'void' | 'not offered'; readonly reason: string } | undefined;
}

/** All drivers and operations, for who may choose. */
export const DRIVERS = DRIVER_NAMES;
export const OPERATION_CHOICES: readonly string[] = [
  ...new Set([...OPERATIONS, ...localOperations([]), { name: 'build statements' }].map(({ name }) => name)),
];

/** In the order of the report. */
export function rowsOf({ strategies, drivers, depths, operations }: Choice): Row[] {
  const wanted = ({ name }: { readonly name: string }): boolean => operations?.includes(name) ?? true;
  const queue = OPERATIONS.filter(wanted).flatMap((operation) =>
    strategies.flatMap((factory) =>
      drivers.flatMap((driver) =>
        depths.map((depth): Target => ({ kind: 'queue', operation, factory, driver, depth })),
      ),
    ),
  );
  const local = localOperations(strategies)
    .filter(wanted)
    .map((operation): Target => ({ kind: 'local', operation }));
  return [...queue, ...local].map((target) => ({ target, rounds: [], without: undefined }));
}

/** The rows of one round by operation and size: who is compared is measured close together, in an order that is drawn. */
export function blocksOf(rows: readonly Row[], seed: number, round: number): Row[][] {
  const random = randomStream(seed, `micro round ${round}`);
  const blocks = Map.groupBy(rows, ({ target: { operation } }) => `${operation.name} ${operation.size}`);
  return shuffled([...blocks.values()], random).map((block) => shuffled(block, random));
}

/** A row as the bundle keeps it; undefined while it has neither a round nor a reason. */
export function resultOf({ target, rounds, without }: Row): MicroRow | undefined {
  const { operation } = target;
  const what = {
    operation: operation.name,
    size: operation.size,
    ...(target.kind === 'local'
      ? {
          unit: target.operation.unit,
          ...(target.operation.strategy === undefined ? {} : { strategy: target.operation.strategy }),
        }
      : {
          unit: 'jobs',
          strategy: target.factory.strategyName,
          driver: target.driver,
          depth: target.depth,
        }),
  };
  if (without !== undefined) return { ...what, ...without };
  return rounds.length === 0 ? undefined : { ...what, state: 'measured', figures: figuresOf(rounds) };
}
