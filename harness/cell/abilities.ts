// Can a contender do what a scenario asks of it? What it cannot voids the cell, with the reason.

import type { Scenario } from '../../scenarios/scenario.ts';
import type { Contender } from '../contender.ts';
import { CannotMeasure } from '../errors.ts';
import { asksRetries } from '../load/failing.ts';
import type { CellPlan } from './plan.ts';
import { asksDelays } from './queue-clock.ts';

interface Asked {
  readonly by: string;
  readonly cannot: string;
  readonly asked: (scenario: Scenario) => boolean;
  readonly able: (contender: Contender, scenario: Scenario) => boolean;
}

const ASKED: readonly Asked[] = [
  {
    by: 'one',
    cannot: 'stand behind an HTTP front',
    asked: ({ producers }) => producers.http !== undefined,
    able: ({ openFront }) => openFront !== undefined,
  },
  {
    by: 'a pooler in transaction mode between',
    cannot: 'share the sessions of its workers',
    asked: ({ topology }) => topology?.pooler?.mode === 'transaction',
    able: ({ needsOwnSessions }) => needsOwnSessions !== true,
  },
  {
    by: 'delays',
    cannot: 'delay jobs',
    asked: asksDelays,
    able: ({ delay }) => delay !== undefined,
  },
  {
    by: 'priorities',
    cannot: 'give jobs priorities',
    asked: ({ job }) => job.priorities.some((priority) => priority !== 0),
    able: ({ priorities }, { job }) =>
      priorities !== undefined && job.priorities.every((p) => p >= priorities.min && p <= priorities.max),
  },
  {
    by: 'failing jobs',
    cannot: 'be told how failed jobs are retried',
    asked: asksRetries,
    able: ({ retries }) => retries !== undefined,
  },
  {
    by: 'concurrency keys',
    cannot: 'give jobs concurrency keys',
    asked: ({ job }) => job.keys !== undefined,
    able: ({ concurrencyKeys }) => concurrencyKeys !== undefined,
  },
  {
    by: 'limits',
    cannot: 'limit how jobs start',
    asked: ({ limits }) => limits !== undefined,
    able: ({ limits }) => limits !== undefined,
  },
  {
    by: 'a limit by key',
    cannot: 'limit jobs by their keys',
    asked: ({ limits }) => limits?.concurrencyPerKey !== undefined,
    able: ({ concurrencyKeys }) => concurrencyKeys !== undefined,
  },
  {
    by: 'unique jobs',
    cannot: 'keep jobs unique',
    asked: ({ job }) => job.unique !== undefined,
    able: ({ unique }, { job }) =>
      job.unique !== undefined && unique?.policies.includes(job.unique.policy) === true,
  },
  {
    by: 'finished jobs',
    cannot: 'keep finished jobs',
    asked: ({ preload }) => preload.finished > 0,
    able: ({ preloadFinished }) => preloadFinished !== undefined,
  },
  {
    by: 'an order table',
    cannot: 'enqueue in the transaction of an application',
    asked: ({ producers }) => producers.transaction !== undefined,
    able: (contender) => contender.class !== 'null',
  },
];

/** @throws CannotMeasure for the first thing that it cannot. */
export function requireAbilities({ contender: { name }, scenario }: CellPlan, contender: Contender): void {
  const lacking = ASKED.find(({ asked, able }) => asked(scenario) && !able(contender, scenario));
  if (lacking === undefined) return;
  throw new CannotMeasure(
    `${name} cannot ${lacking.cannot}, and ${scenario.name} has ${lacking.by}: leave the one or the other out`,
    contender.class,
  );
}

/** What is to be said of a contender that does it in its own way. */
export function abilityNotes(scenario: Scenario, { retries }: Pick<Contender, 'retries'>): string[] {
  return asksRetries(scenario) && retries?.delayed === false
    ? ['failed jobs are ready again at once: this contender cannot delay a retry, whatever job.retry says']
    : [];
}
