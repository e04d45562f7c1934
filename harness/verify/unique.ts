// Was there ever more than one unfinished job of a unique key?

import { ENQUEUE, type Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';

const ACK = SETTLE_KINDS.indexOf('ack');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');

export interface UniqueInput {
  readonly ledger: Ledger;
  readonly endUs: number;
  /** Of a job's unique key; undefined for a job that has none. */
  readonly uniqueNumber: (key: number) => number | undefined;
  /** Whether the database held a job as unfinished after the load. */
  readonly isHeld: (key: number) => boolean;
}

interface Life {
  readonly fromUs: number;
  readonly untilUs: number;
}

/**
 * Jobs that were in the queue for certain while another one of their key was. A job is there, unfinished, from the moment at
 * which its enqueue was confirmed until its last settle was sent: it came earlier and went later than that, so that lives
 * which overlap did so in the queue as well. A job of unknown enqueue proves nothing.
 */
export function uniqueViolations(input: UniqueInput): number {
  const lives = new Map<number, Life[]>();
  for (let key = 0; key < input.ledger.size; key += 1) {
    const number = input.uniqueNumber(key);
    if (number === undefined || input.ledger.enqueueState[key] !== ENQUEUE.confirmed) continue;
    const known = lives.get(number);
    const life = lifeOf(input, key);
    if (known === undefined) lives.set(number, [life]);
    else known.push(life);
  }
  let violations = 0;
  for (const ofKey of lives.values()) {
    let untilUs = Number.NEGATIVE_INFINITY;
    for (const life of ofKey.sort((x, y) => x.fromUs - y.fromUs)) {
      if (life.fromUs < Math.min(untilUs, life.untilUs)) violations += 1;
      untilUs = Math.max(untilUs, life.untilUs);
    }
  }
  return violations;
}

function lifeOf({ ledger, endUs, isHeld }: UniqueInput, key: number): Life {
  const fromUs = ledger.enqueuedUs[key] ?? Number.NaN;
  const ended = ledger
    .settlesOf(key)
    .filter(({ kind, state }) => (kind === ACK || kind === DEAD) && state !== SETTLE.stale)
    .map(({ sentUs }) => sentUs);
  if (ended.length > 0) return { fromUs, untilUs: Math.min(...ended) };
  if (isHeld(key)) return { fromUs, untilUs: endUs };
  // Gone, and nobody knows when: it was there when it was last handed out.
  return { fromUs, untilUs: Math.max(fromUs, ledger.claimsOf(key).at(-1)?.answeredUs ?? fromUs) };
}
