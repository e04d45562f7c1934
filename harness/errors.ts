// How does a failure that the user must read become one line and an exit code?

import type { ContractClass } from './result/result.ts';

/**
 * The user asked for something that cannot be: exit code 1, no stack trace. The message is one line that says what
 * is wrong, where, and the mend. It never holds a password.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 1;
}

/**
 * The request was fine, the world was not (no network, a server that does not start): exit code 2, no stack trace.
 * The message is one line that says what happened, where, and the mend. It never holds a password.
 */
export class RuntimeFailure extends Error {
  override readonly name = 'RuntimeFailure';
  readonly exitCode = 2;
  /** The system's or PostgreSQL's code of what happened, where somebody acts on it. */
  readonly code: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly code?: string } = {}) {
    super(message, options);
    this.code = options.code;
  }
}

/** A scenario asks for what a contender does not offer. The cell is void with this reason; the run goes on. */
export class CannotMeasure extends Error {
  override readonly name = 'CannotMeasure';
  readonly contractClass: ContractClass;

  constructor(message: string, contractClass: ContractClass) {
    super(message);
    this.contractClass = contractClass;
  }
}

/** Whether the message alone is meant for the user; anything else is a bug and keeps its stack trace. */
export function isForUser(error: unknown): error is UsageError | RuntimeFailure {
  return error instanceof UsageError || error instanceof RuntimeFailure;
}

/** The `code` of a system or PostgreSQL error (`ENOENT`, `28P01`), or of a failure that carries it; where it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** An error's message on one line. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}
