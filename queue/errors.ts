// Which errors does the queue raise for what its user asked?

/** The user asked for something that this strategy declares it does not offer. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
  readonly strategy: string;
  readonly capability: string;
  constructor(strategy: string, capability: string, mend: string) {
    super(`strategy ${strategy} has no ${capability}: ${mend}`);
    this.strategy = strategy;
    this.capability = capability;
  }
}

/** A value outside its stated range, from the caller. The message names the value, its range and the mend. */
export class InvalidArgumentError extends Error {
  override readonly name: string = 'InvalidArgumentError';
}

/**
 * The schema lacks a table or routine that the call needs: it was never installed, or by another strategy or an earlier version.
 * Nothing was done; within a caller's transaction, that has failed. `cause` is the driver's error.
 */
export class NotInstalledError extends Error {
  override readonly name = 'NotInstalledError';
  readonly schema: string;
  readonly strategy: string;
  constructor(schema: string, strategy: string, cause: unknown) {
    super(
      `schema ${JSON.stringify(schema)} has no tables of strategy ${strategy}: call queue.install() first, or give the schema that has them`,
      { cause },
    );
    this.schema = schema;
    this.strategy = strategy;
  }
}

/** A payload whose JSON text is larger than the queue takes. Nothing was sent. */
export class PayloadTooLargeError extends InvalidArgumentError {
  override readonly name = 'PayloadTooLargeError';
  /** Of the payload's JSON text in UTF-8. */
  readonly bytes: number;
  readonly limit: number;
  constructor(bytes: number, limit: number) {
    super(
      `payload has ${bytes} bytes of JSON: give at most ${limit} and a reference to the rest, or raise maxPayloadBytes`,
    );
    this.bytes = bytes;
    this.limit = limit;
  }
}

/** The unique key of a job belongs to one that is not finished. Nothing was enqueued. */
export class DuplicateJobError extends Error {
  override readonly name = 'DuplicateJobError';
  readonly queue: string;
  readonly key: string;
  /** The job that holds the key; absent when that is another job of the same call. */
  readonly existingId: string | undefined;
  constructor(queue: string, key: string, existingId: string | undefined) {
    const holder = existingId === undefined ? 'another job of the same call' : `job ${existingId}`;
    super(
      `queue ${JSON.stringify(queue)}: ${holder} holds the unique key ${JSON.stringify(key)} and is not finished: wait for it, or give the policy ignore or replace`,
    );
    this.queue = queue;
    this.key = key;
    this.existingId = existingId;
  }
}

/** The idempotency key of an enqueue was used for other jobs, or its first use is still under way. Nothing was enqueued. */
export class IdempotencyError extends Error {
  override readonly name = 'IdempotencyError';
  readonly key: string;
  constructor(key: string, problem: string) {
    super(`idempotency key ${JSON.stringify(key)} ${problem}`);
    this.key = key;
  }
}
