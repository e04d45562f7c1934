// Until when was a session alive for certain?

import type { Ledger } from '../measure/ledger.ts';

/**
 * By claimer: when it sent the last statement that was answered, µs. The server had the session then, whatever became of it later.
 */
export function lastHeard(ledger: Ledger): ReadonlyMap<number, number> {
  const heard = new Map<number, number>();
  const hear = (claimer: number, atUs: number): void => {
    if (atUs > (heard.get(claimer) ?? Number.NEGATIVE_INFINITY)) heard.set(claimer, atUs);
  };
  for (let key = 0; key < ledger.size; key += 1) {
    for (const { claimer, requestedUs } of ledger.claimsOf(key)) hear(claimer, requestedUs);
    for (const { claimer, sentUs, answeredUs } of ledger.settlesOf(key))
      if (!Number.isNaN(answeredUs)) hear(claimer, sentUs);
  }
  return heard;
}
