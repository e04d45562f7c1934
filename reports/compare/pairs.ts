// Which rows of a run are compared when nobody names them? Each with the first; in a run over several servers, along one axis at a time.

import type { RunResult } from '../../harness/result/result.ts';
import { placeOf } from '../servers.ts';

export type NamePair = readonly [base: string, head: string];

/**
 * Pairs within one run and one contract class, `names` in the order of the run. With one server: each against the first. With
 * several: first the versions of each contender against its first version, then the contenders on each version against the
 * first contender there. Rows that differ in both are no pair: what made the difference could not be told.
 */
export function usualPairs(result: RunResult, names: readonly string[]): NamePair[] {
  const [first, ...others] = names;
  if (first === undefined) return [];
  if (result.matrix === undefined) return others.map((head) => [first, head] as const);
  return (['contender', 'server'] as const).flatMap((shared) =>
    names.flatMap((head): NamePair[] => {
      const base = names.find((name) => sharedBy(result, name, head).includes(shared));
      return base === undefined || base === head ? [] : [[base, head]];
    }),
  );
}

/** The pairs that a base of the user's choice is in: with all others, in a run over several servers with those that share an axis. */
export function pairsWith(result: RunResult, base: string, names: readonly string[]): NamePair[] {
  return names
    .filter((head) => head !== base)
    .filter((head) => result.matrix === undefined || sharedBy(result, base, head).length > 0)
    .map((head) => [base, head] as const);
}

/** What two rows have in common. Of a run with one server: nothing that it would say. */
export function sharedBy(result: RunResult, one: string, other: string): ('contender' | 'server')[] {
  const [a, b] = [placeOf(result, one), placeOf(result, other)];
  if (a === undefined || b === undefined) return [];
  return (['contender', 'server'] as const).filter((axis) => a[axis] === b[axis]);
}
