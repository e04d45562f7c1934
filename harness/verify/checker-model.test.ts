// Is a correct queue acquitted, and a faulty one convicted, whatever delays, stalls, kills and lost answers there are?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, randomStream } from '../../stats/random.ts';
import type { HeldJob } from '../contender.ts';
import { Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';
import { type CheckResult, check } from './checker.ts';

const JOBS = 150;
const LEASE_US = 100_000;
const END_US = 3_000_000;
const AGENTS = 2;
const SESSIONS = 2;
const KILLED_AGENT = 1;
const ACK = SETTLE_KINDS.indexOf('ack');
const RETRY = SETTLE_KINDS.indexOf('retry');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');

/** What is wrong with the queue. */
type Fault = 'none' | 'loses' | 'hands out twice' | 'has no fence' | 'keeps what is acked' | 'stores twice';

interface Row {
  readonly key: number;
  state: HeldJob['state'];
  fence: number;
  leaseEndUs: number;
  fromUs: number;
}

/**
 * A queue with timed leases and fencing tokens, and workers that ask it with delays: answers that come after the lease
 * has ended, answers that never come, settles that come late, and an agent that dies in the midst of it. One clock;
 * events in order of time.
 */
class Model {
  readonly ledger = new Ledger(JOBS, JOBS, 0);
  readonly #rows = new Map<number, Row>();
  readonly #random: Random;
  readonly #fault: Fault;
  readonly #events: { atUs: number; act: () => void }[] = [];
  readonly #killedAtUs: number;
  #nowUs = 0;
  #claims = 0;
  #planted = 0;

  constructor(seed: number, fault: Fault) {
    this.#random = randomStream(seed, 'model');
    this.#fault = fault;
    this.#killedAtUs = this.#between(50_000, 600_000);
    for (let key = 0; key < JOBS; key += 1)
      this.#rows.set(key, { key, state: 'ready', fence: 0, leaseEndUs: 0, fromUs: 0 });
    for (let claimer = 0; claimer < AGENTS * SESSIONS; claimer += 1) this.#ask(claimer);
  }

  /** How often the fault was at work. */
  get planted(): number {
    return this.#planted;
  }

  async run(): Promise<CheckResult> {
    for (;;) {
      this.#events.sort((x, y) => y.atUs - x.atUs);
      const event = this.#events.pop();
      if (event === undefined) break;
      this.#nowUs = event.atUs;
      event.act();
    }
    const rows = [...this.#rows.values()];
    if (this.#fault === 'stores twice') {
      rows.push(...rows.slice(0, 1));
      this.#planted += Math.min(1, rows.length);
    }
    return check({
      ledger: this.ledger,
      promises: { order: 'none', lease: 'timed' },
      leaseMs: LEASE_US / 1000,
      preloaded: JOBS,
      priorityOf: () => 0,
      held: listed(rows.map(({ key, state }) => ({ key, state }))),
      brokenAgents: new Set([KILLED_AGENT]),
      killedAgents: new Set([KILLED_AGENT]),
      startUs: 0,
      endUs: this.#nowUs,
      lastFaultUs: this.#killedAtUs,
      cleanStop: false,
      troubled: true,
    });
  }

  #between(low: number, high: number): number {
    return low + this.#random() * (high - low);
  }

  /** Mostly a short time, now and then longer than a lease. */
  #delay(): number {
    return this.#random() < 0.1 ? this.#between(0, 3 * LEASE_US) : this.#between(10, 5_000);
  }

  #after(us: number, act: () => void): void {
    this.#events.push({ atUs: this.#nowUs + us, act });
  }

  #dead(claimer: number): boolean {
    return Math.floor(claimer / SESSIONS) === KILLED_AGENT && this.#nowUs >= this.#killedAtUs;
  }

  #ask(claimer: number): void {
    if (this.#dead(claimer) || this.#nowUs > END_US) return;
    const requestedUs = this.#nowUs;
    this.#after(this.#delay(), () => {
      const taken = this.#serve();
      this.#after(this.#delay(), () => this.#hear(claimer, requestedUs, taken));
    });
  }

  /** The server's part of a claim, in one instant. */
  #serve(): { key: number; fence: number }[] {
    const free = [...this.#rows.values()].filter(
      (row) =>
        ((row.state === 'ready' || row.state === 'delayed') && row.fromUs <= this.#nowUs) ||
        (row.state === 'leased' && row.leaseEndUs <= this.#nowUs),
    );
    const taken = free.slice(0, 3);
    if (this.#fault === 'hands out twice' && this.#random() < 0.05) {
      const early = [...this.#rows.values()].find(
        (row) => row.state === 'leased' && row.leaseEndUs > this.#nowUs,
      );
      if (early !== undefined) {
        taken.push(early);
        this.#planted += 1;
      }
    }
    for (const row of taken) {
      row.state = 'leased';
      row.fence += 1;
      row.leaseEndUs = this.#nowUs + LEASE_US;
    }
    const lost = taken[0];
    if (this.#fault === 'loses' && lost !== undefined && this.#random() < 0.05) {
      this.#planted += 1;
      this.#rows.delete(lost.key);
      return taken.slice(1).map(({ key, fence }) => ({ key, fence }));
    }
    return taken.map(({ key, fence }) => ({ key, fence }));
  }

  #hear(claimer: number, requestedUs: number, taken: readonly { key: number; fence: number }[]): void {
    if (this.#dead(claimer)) return;
    const agent = Math.floor(claimer / SESSIONS);
    for (const { key } of taken) {
      this.#claims += 1;
      this.ledger.addClaim(
        key,
        { agent, claimer, attempt: 1, requestedUs, answeredUs: this.#nowUs },
        this.#claims,
      );
    }
    if (taken.length === 0) this.#after(20_000, () => this.#ask(claimer));
    else {
      const kinds = taken.map(() => (this.#random() < 0.1 ? RETRY : this.#random() < 0.05 ? DEAD : ACK));
      this.#after(this.#delay(), () => this.#settle(claimer, taken, kinds, true));
    }
  }

  #settle(
    claimer: number,
    held: readonly { key: number; fence: number }[],
    kinds: readonly number[],
    first: boolean,
  ): void {
    if (this.#dead(claimer)) return;
    const sentUs = this.#nowUs;
    const agent = Math.floor(claimer / SESSIONS);
    const answerLost = this.#random() < 0.05;
    const delayUs = this.#delay();
    const effective: boolean[] = [];
    this.#after(delayUs, () => {
      for (const [i, job] of held.entries()) effective.push(this.#apply(job, kinds[i] ?? ACK));
    });
    this.#after(delayUs + this.#delay(), () => {
      const unheard = answerLost || this.#dead(claimer);
      for (const [i, { key }] of held.entries()) {
        const state = unheard ? SETTLE.unknown : effective[i] === true ? SETTLE.effective : SETTLE.stale;
        const answeredUs = unheard ? Number.NaN : this.#nowUs;
        this.ledger.addSettle(key, { agent, claimer, kind: kinds[i] ?? ACK, sentUs, state, answeredUs });
      }
      if (answerLost && first) this.#settle(claimer, held, kinds, false);
      else this.#ask(claimer);
    });
  }

  #apply({ key, fence }: { key: number; fence: number }, kind: number): boolean {
    const row = this.#rows.get(key);
    const own = row !== undefined && row.fence === fence && row.state === 'leased';
    if (!own && this.#fault === 'has no fence') {
      this.#planted += 1;
    } else if (!own) return false;
    if (row === undefined) return true;
    if (kind === RETRY) Object.assign(row, { state: 'delayed', fromUs: this.#nowUs + 5_000 });
    else if (kind === DEAD) row.state = 'dead';
    else if (this.#fault === 'keeps what is acked' && this.#random() < 0.05) this.#planted += 1;
    else this.#rows.delete(key);
    return true;
  }
}

async function* listed(jobs: readonly HeldJob[]): AsyncGenerator<HeldJob> {
  yield* jobs;
}

test('a correct queue is acquitted in 200 histories, in which there is something to acquit it of', async () => {
  const seen = { redelivered: 0, staleSettles: 0, assumedSettled: 0, deadLettered: 0, settled: 0 };
  for (let seed = 0; seed < 200; seed += 1) {
    const { violations, audit, jobs, assumedSettled } = await new Model(seed, 'none').run();
    assert.deepEqual(violations, [], `seed ${seed}`);
    seen.redelivered += audit.redelivered;
    seen.staleSettles += audit.staleSettles;
    seen.assumedSettled += assumedSettled.size;
    seen.deadLettered += jobs.deadLettered;
    seen.settled += jobs.settled;
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 100, `${what}: ${count}`);
});

// The share is what can be proven: a settle of unknown outcome may have been the end of a job that was really lost, and
// a hand-out whose answer came too late may have been a redelivery.
for (const [fault, counts, leastShare] of [
  ['loses', ['lost'], 0.7],
  ['hands out twice', ['duplicateClaims'], 0.4],
  ['has no fence', ['acceptedStaleSettles', 'duplicateSettlements'], 0.5],
  ['keeps what is acked', ['settledButPresent', 'duplicateClaims', 'duplicateSettlements'], 0.7],
  ['stores twice', ['unexpected'], 1],
] as const) {
  test(`a queue that ${fault} is convicted of it`, async () => {
    let planted = 0;
    let found = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const model = new Model(seed, fault);
      const { audit, violations } = await model.run();
      planted += model.planted;
      const counted = counts.reduce((sum, name) => sum + audit[name], 0);
      found += counted;
      assert.equal(counted > 0, violations.length > 0, `seed ${seed}: ${violations.join('; ')}`);
      if (fault === 'loses') assert.ok(counted <= model.planted, `seed ${seed}: more than were planted`);
    }
    assert.ok(planted >= 20, `the fault must have been at work: ${planted}`);
    assert.ok(found >= leastShare * planted, `${found} of ${planted} found`);
  });
}
