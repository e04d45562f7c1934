// Do handlers of a scenario fail on purpose?

import { type Scenario, scheduledFaults } from '../../scenarios/scenario.ts';

/** What the queue does when nobody says how often a job is tried; a scenario that says the same asks for nothing. */
const MAX_ATTEMPTS = 20;

/** Whether a scenario says how failed jobs are retried: those of its handlers fail, or jobs have other attempts than usual. */
export function asksRetries(scenario: Pick<Scenario, 'job' | 'phases'>): boolean {
  const { failShare, poisonShare, maxAttempts } = scenario.job;
  return (
    failShare > 0 ||
    poisonShare > 0 ||
    maxAttempts !== MAX_ATTEMPTS ||
    scheduledFaults(scenario).some(({ fault }) => fault === 'failing-handlers')
  );
}

/** What a handler throws that fails on purpose. */
export class FailedOnPurpose extends Error {
  override readonly name = 'FailedOnPurpose';
}
