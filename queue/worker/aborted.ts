// Why is a handler told to give up?

/** `lease-lost`: somebody else has the job, or will. `timeout`: it took longer than `timeoutMs`. `stop`: the worker's deadline has passed. `cancelled`: by `queue.cancel`. */
export type AbortCause = 'lease-lost' | 'timeout' | 'stop' | 'cancelled';

/** The reason of a handler's `signal`, and the error of a job that took too long. */
export class JobAbortedError extends Error {
  override readonly name = 'JobAbortedError';
  readonly abortCause: AbortCause;
  constructor(abortCause: AbortCause, text: string) {
    super(text);
    this.abortCause = abortCause;
  }
}
