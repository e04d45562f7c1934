// What became of a job that was posted?

/**
 * `rejected`: turned away since the backlog was full, which is an answer and no failure. `refused`: the job is not in the queue
 * for certain. `unknown`: it may be.
 */
export type EnqueueOutcome = 'rejected' | 'refused' | 'unknown';

/** A POST that did not end in a job. */
export class PostError extends Error {
  override readonly name = 'PostError';
  readonly outcome: EnqueueOutcome;

  constructor(message: string, outcome: EnqueueOutcome) {
    super(message);
    this.outcome = outcome;
  }
}

/** What a status other than 201 says of the job. */
export function outcomeOfStatus(status: number): EnqueueOutcome {
  if (status === 429) return 'rejected';
  // Answered before the queue was asked; after any other 5xx its transaction may or may not have been committed.
  return (status >= 400 && status < 500) || status === 503 ? 'refused' : 'unknown';
}
