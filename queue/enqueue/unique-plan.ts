// What does a call with unique jobs come to, once it is known who holds their keys?

import { DuplicateJobError } from '../errors.ts';
import type { JobId, NewJob } from '../strategy.ts';

/** The unfinished job that holds a key. */
export interface Holder {
  readonly id: JobId;
  /** Nobody works on it. */
  readonly waits: boolean;
}

/** What is to be done. A place is an index of the jobs that the caller gave. */
export interface UniquePlan {
  /** Places of the jobs that are to be enqueued, in the caller's order. */
  readonly entering: readonly number[];
  /** Jobs that are to be removed if they still wait. */
  readonly replaced: readonly JobId[];
  /** Whose id is the answer to each place: that of the job entering at a place, or of one that exists. */
  readonly answers: readonly (number | JobId)[];
  /** The job that holds each key from now on, by its place, where that is another than before. */
  readonly holders: ReadonlyMap<string, number>;
}

/** One text for a key within its queue. Neither holds NUL. */
export function uniqueName(queue: string, key: string): string {
  return `${queue}\0${key}`;
}

/**
 * Follows the policy of each job in the caller's order; those of the same call are jobs that wait, to each other. Throws
 * DuplicateJobError for the first that is to be rejected.
 */
export function planUnique(jobs: readonly NewJob[], existing: ReadonlyMap<string, Holder>): UniquePlan {
  const answers: (number | JobId)[] = [];
  const replaced: JobId[] = [];
  const holders = new Map<string, number>();
  for (const [place, { queue, unique }] of jobs.entries()) {
    answers.push(place);
    if (unique === undefined) continue;
    const name = uniqueName(queue, unique.key);
    const holder = holders.get(name) ?? existing.get(name);
    if (holder !== undefined && unique.policy === 'ignore')
      answers[place] = typeof holder === 'number' ? holder : holder.id;
    else if (holder === undefined || unique.policy === 'replace') {
      if (typeof holder === 'number') answers[holder] = place;
      else if (holder?.waits === true) replaced.push(holder.id);
      holders.set(name, place);
    } else throw new DuplicateJobError(queue, unique.key, typeof holder === 'number' ? undefined : holder.id);
  }
  // One that was ignored for another may stand for a third that has replaced that one.
  const last = (place: number): number | JobId => {
    const next = answers[place];
    return typeof next !== 'number' || next === place ? (next ?? place) : last(next);
  };
  return {
    entering: answers.flatMap((answer, place) => (answer === place ? [place] : [])),
    replaced,
    answers: answers.map((_, place) => last(place)),
    holders,
  };
}
