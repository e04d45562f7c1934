// For how long may finished jobs be kept?

import { InvalidArgumentError } from '../errors.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import { requireWhole } from './rules.ts';

/** How long finished jobs are kept, and what of them. */
export interface Retention {
  /** Whole days, 1…3,650, beside the present one; days are those of UTC, by the server's clock. */
  readonly days: number;
  /** Whether payloads are kept too, which each settle then sends to the server once more; default false. */
  readonly payload?: boolean;
}

/** Throws InvalidArgumentError for days out of range, or a key that there is not. */
export function requireRetention(retention: Retention): void {
  requireObject('retention', retention);
  requireKnownKeys('retention', retention, ['days', 'payload']);
  requireDays(retention.days);
  if (retention.payload !== undefined && typeof retention.payload !== 'boolean')
    throw new InvalidArgumentError(`retention.payload is ${said(retention.payload)}: give true or false`);
}

/** Throws InvalidArgumentError for anything but whole days, 1…3,650. */
export function requireDays(days: number): void {
  requireWhole('days', days, 1, 3650);
}
