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
  override readonly name = 'InvalidArgumentError';
}
