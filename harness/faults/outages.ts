// When did a fault of the scenario keep the load from the server, and which jobs' failures does that excuse?
//
// A generator that fails to get its jobs in voids the cell: what never got in lightened the load of the rest. Where the scenario
// itself took the server away, such failures are part of the answer. They are told, and count with their age; they void nothing.

import type { Fault } from '../../scenarios/fault.ts';
import type { AppliedFault } from './applied.ts';

/**
 * Faults that keep the load from the server, from their note to the note that they have ended. One without such a note lasted to the
 * end, or, where it is `instant`, for no time: connections break, and may be opened again at once.
 */
const OUTAGES: Partial<Record<Fault['fault'], 'lasting' | 'instant'>> = {
  'restart-server': 'lasting',
  'terminate-backends': 'lasting',
  'exhaust-connections': 'lasting',
  'reset-connections': 'instant',
  'black-hole': 'lasting',
  'cut-network': 'lasting',
};

/** The news that a connection has ended may reach its client so much later. */
const NEWS_US = 100_000;

/** Instants in µs of the machine's clock. */
export interface Outage {
  readonly fault: Fault['fault'];
  readonly fromUs: number;
  readonly toUs: number;
}

/** Whether it cuts sessions off, so that they are not counted after it. */
export function endsSessions({ fault }: Pick<Fault, 'fault'>): boolean {
  return OUTAGES[fault] !== undefined;
}

/** The outages among the faults that took effect; one that did not end lasted until `endUs`. */
export function outagesOf(applied: readonly AppliedFault[], endUs: number): Outage[] {
  return applied.flatMap(({ fault, what, atUs }, i) => {
    const kind = OUTAGES[fault];
    if (kind === undefined || what === 'ends') return [];
    const end = applied.slice(i + 1).find((later) => later.fault === fault && later.what === 'ends');
    return [{ fault, fromUs: atUs, toUs: end?.atUs ?? (kind === 'instant' ? atUs : endUs) }];
  });
}

/**
 * Whether a job was on its way while an outage lasted: from the instant for which it was intended until it failed, or was sent late. One
 * that was intended after the outage is the system's own failure.
 */
export function meetsOutage(outages: readonly Outage[], intendedUs: number, untilUs: number): boolean {
  return outages.some(({ fromUs, toUs }) => intendedUs <= toUs + NEWS_US && untilUs >= fromUs);
}
