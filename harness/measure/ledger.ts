// What happened to each job of a cell? The agents' records, merged by the job's key.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AccountKeeper, type AgentAccount } from './agent-account.ts';
import { ANSWERS, type Answer, RECORD, RECORD_BYTES } from './ledger-writer.ts';

export const ENQUEUE = { notSent: 0, sent: 1, confirmed: 2, refused: 3, rejected: 4, rolledBack: 5 } as const;
export const SETTLE = { none: 0, unknown: 1, effective: 2, stale: 3 } as const;

/** One hand-out of a job. Instants in µs of the machine's clock. */
export interface Claim {
  readonly agent: number;
  readonly claimer: number;
  readonly attempt: number;
  readonly requestedUs: number;
  readonly answeredUs: number;
}

/** One settle of a job; `answeredUs` is NaN when no answer came. `kind` indexes SETTLE_KINDS. */
export interface Settle {
  readonly agent: number;
  readonly claimer: number;
  readonly kind: number;
  readonly sentUs: number;
  readonly state: number;
  readonly answeredUs: number;
}

/** A lease that was prolonged by its whole length, at some instant between the two. */
export interface Extension {
  readonly agent: number;
  readonly claimer: number;
  readonly requestedUs: number;
  readonly answeredUs: number;
}

/** One run of a handler; `endedUs` is NaN when it did not live to end. */
export interface Run {
  readonly key: number;
  readonly agent: number;
  readonly startedUs: number;
  endedUs: number;
}

/** All events of one job that was claimed or settled more than once, or under a lost lease. */
export interface History {
  readonly claims: Claim[];
  readonly settles: Settle[];
}

/**
 * Dense columns, one row per key: the first claim and the first settle of each job. Almost every job has one of each;
 * the few others have a history besides. 71 bytes of columns a job: a million jobs take 71 MB.
 */
export class Ledger {
  readonly size: number;
  readonly intendedUs: Float64Array;
  readonly sentUs: Float64Array;
  readonly enqueuedUs: Float64Array;
  readonly enqueueState: Uint8Array;
  readonly claimRequestedUs: Float64Array;
  /** NaN when the job was never claimed. */
  readonly claimedUs: Float64Array;
  readonly claimer: Uint16Array;
  readonly claimAgent: Uint8Array;
  readonly attempt: Uint16Array;
  /** Place of the first claim's record in its agent's file: the order in which one claimer received its jobs. */
  readonly claimSequence: Uint32Array;
  readonly settleSentUs: Float64Array;
  /** NaN when no settle was answered. */
  readonly settledUs: Float64Array;
  readonly settleKind: Uint8Array;
  readonly settleState: Uint8Array;
  readonly settleClaimer: Uint16Array;
  readonly settleAgent: Uint8Array;
  readonly histories = new Map<number, History>();
  /** Keys outside the offered range that were handed out. */
  readonly foreignKeys = new Set<number>();
  /** Claimers whose connection broke. */
  readonly lostSessions = new Set<number>();
  /** Claims of sessions that held no job and were given none. */
  readonly emptyClaims: Pick<Claim, 'requestedUs' | 'answeredUs'>[] = [];
  /** Jobs that claims returned beyond what they had asked for. */
  overClaims = 0;
  /** Of jobs whose leases were prolonged, each time. */
  readonly extensions = new Map<number, Extension[]>();
  /** Of a scenario with limits: every run of a handler. */
  readonly runs: Run[] = [];
  /** What each file says of its agent. */
  readonly accounts: AgentAccount[] = [];
  /** From intended to eligible, µs; there when any job was delayed. */
  #delayUs: Float64Array | undefined;
  /** From leaving the producer to the answer, µs; there when any producer told. */
  #carriedUs: Float64Array | undefined;

  /** Keys 0 … `preloaded` − 1 lie in the queue from the start, intended for the start of the load. */
  constructor(size: number, preloaded: number, startUs: number) {
    this.size = size;
    const instants = (): Float64Array => new Float64Array(size).fill(Number.NaN);
    this.intendedUs = instants();
    this.sentUs = instants();
    this.enqueuedUs = instants();
    this.claimRequestedUs = instants();
    this.claimedUs = instants();
    this.settleSentUs = instants();
    this.settledUs = instants();
    this.enqueueState = new Uint8Array(size);
    this.claimer = new Uint16Array(size);
    this.claimAgent = new Uint8Array(size);
    this.attempt = new Uint16Array(size);
    this.claimSequence = new Uint32Array(size);
    this.settleKind = new Uint8Array(size);
    this.settleState = new Uint8Array(size);
    this.settleClaimer = new Uint16Array(size);
    this.settleAgent = new Uint8Array(size);
    this.intendedUs.fill(startUs, 0, preloaded);
    this.enqueueState.fill(ENQUEUE.confirmed, 0, preloaded);
  }

  /** Reads one agent's file. A torn last record, as SIGKILL may leave, is ignored. */
  readFile(path: string, agent: number): void {
    const reader = new FileReader(this, agent);
    const fd = openSync(path, 'r');
    try {
      const bytes = fstatSync(fd).size;
      const chunk = Buffer.alloc(32_768 * RECORD_BYTES);
      for (let position = 0; position + RECORD_BYTES <= bytes; ) {
        const wanted = Math.min(chunk.length, bytes - position - ((bytes - position) % RECORD_BYTES));
        const got = readSync(fd, chunk, 0, wanted, position);
        const whole = got - (got % RECORD_BYTES);
        if (whole === 0) break;
        for (let at = 0; at < whole; at += RECORD_BYTES) reader.record(chunk, at);
        position += whole;
      }
    } finally {
      closeSync(fd);
    }
    this.accounts.push(reader.end());
  }

  /** The job may run from `delayUs` after its intended instant on. Negative for a preloaded one that was due before the load. */
  delay(key: number, delayUs: number): void {
    this.#delayUs ??= new Float64Array(this.size);
    this.#delayUs[key] = delayUs;
  }

  /** Its enqueue took so long from leaving the producer to the answer. */
  carry(key: number, carriedUs: number): void {
    this.#carriedUs ??= new Float64Array(this.size).fill(Number.NaN);
    this.#carriedUs[key] = carriedUs;
  }

  /** From leaving the producer to the answer, µs; NaN where it was not told. */
  carriedUs(key: number): number {
    return this.#carriedUs?.[key] ?? Number.NaN;
  }

  /** Whether the job was to wait for an instant of its own. */
  isDelayed(key: number): boolean {
    return this.#delayUs !== undefined && this.#delayUs[key] !== 0;
  }

  /** From when on the job could be claimed: its intended instant, or the end of its delay. */
  eligibleUs(key: number): number {
    const intendedUs = this.intendedUs[key] ?? Number.NaN;
    return this.#delayUs === undefined ? intendedUs : intendedUs + (this.#delayUs[key] ?? 0);
  }

  /** All claims of a job in the order of their answers. */
  claimsOf(key: number): readonly Claim[] {
    const history = this.histories.get(key);
    if (history !== undefined) return [...history.claims].sort((x, y) => x.answeredUs - y.answeredUs);
    return Number.isNaN(this.claimedUs[key] ?? Number.NaN) ? [] : [this.#firstClaim(key)];
  }

  /** All settles of a job in the order in which they were sent. */
  settlesOf(key: number): readonly Settle[] {
    const history = this.histories.get(key);
    if (history !== undefined) return [...history.settles].sort((x, y) => x.sentUs - y.sentUs);
    return this.settleState[key] === SETTLE.none ? [] : [this.#firstSettle(key)];
  }

  /** Files are read one after another, so the first claim that is read need not be the first that was made. */
  addClaim(key: number, claim: Claim, sequence: number): void {
    const firstUs = this.claimedUs[key] ?? Number.NaN;
    if (!Number.isNaN(firstUs)) this.#history(key).claims.push(claim);
    else this.histories.get(key)?.claims.push(claim);
    if (claim.answeredUs >= firstUs) return;
    this.claimRequestedUs[key] = claim.requestedUs;
    this.claimedUs[key] = claim.answeredUs;
    this.claimer[key] = claim.claimer;
    this.claimAgent[key] = claim.agent;
    this.attempt[key] = Math.min(65_535, claim.attempt);
    this.claimSequence[key] = sequence;
  }

  addSettle(key: number, settle: Settle): void {
    if (this.settleState[key] !== SETTLE.none) this.#history(key).settles.push(settle);
    else this.histories.get(key)?.settles.push(settle);
    if (settle.sentUs >= (this.settleSentUs[key] ?? Number.NaN)) return;
    this.settleSentUs[key] = settle.sentUs;
    this.settledUs[key] = settle.answeredUs;
    this.settleKind[key] = settle.kind;
    this.settleState[key] = settle.state;
    this.settleClaimer[key] = settle.claimer;
    this.settleAgent[key] = settle.agent;
  }

  #history(key: number): History {
    let history = this.histories.get(key);
    if (history === undefined) {
      history = { claims: [...this.claimsOf(key)], settles: [...this.settlesOf(key)] };
      this.histories.set(key, history);
    }
    return history;
  }

  #firstClaim(key: number): Claim {
    return {
      agent: this.claimAgent[key] ?? 0,
      claimer: this.claimer[key] ?? 0,
      attempt: this.attempt[key] ?? 0,
      requestedUs: this.claimRequestedUs[key] ?? Number.NaN,
      answeredUs: this.claimedUs[key] ?? Number.NaN,
    };
  }

  #firstSettle(key: number): Settle {
    return {
      agent: this.settleAgent[key] ?? 0,
      claimer: this.settleClaimer[key] ?? 0,
      kind: this.settleKind[key] ?? 0,
      sentUs: this.settleSentUs[key] ?? Number.NaN,
      state: this.settleState[key] ?? 0,
      answeredUs: this.settledUs[key] ?? Number.NaN,
    };
  }
}

/** Of unknown outcome it is sent, and no more. */
function stateOf(answer: Answer | undefined): number {
  return answer === undefined || answer === 'unknown' ? ENQUEUE.sent : ENQUEUE[answer];
}

interface OpenSettle {
  readonly claimer: number;
  readonly sentUs: number;
  readonly keys: number[];
  readonly kinds: number[];
  readonly stale: Set<number>;
}

/** Joins the records of one file: a settle is complete when its answer was read, or the file ended. */
class FileReader {
  readonly #ledger: Ledger;
  readonly #agent: number;
  readonly #open = new Map<number, OpenSettle>();
  readonly #account: AccountKeeper;
  #claims = 0;
  readonly #running = new Map<number, Run>();

  constructor(ledger: Ledger, agent: number) {
    this.#ledger = ledger;
    this.#agent = agent;
    this.#account = new AccountKeeper(agent);
  }

  record(buffer: Buffer, at: number): void {
    const kind = buffer[at] ?? 0;
    const detail = buffer[at + 1] ?? 0;
    const claimer = buffer.readUInt16LE(at + 2);
    const key = buffer.readUInt32LE(at + 4);
    const ledger = this.#ledger;
    this.#account.record(buffer, at);
    if (kind === RECORD.settled) {
      this.#answer(buffer.readUInt32LE(at + 24), detail === 0, buffer.readDoubleLE(at + 8));
      return;
    }
    if (kind === RECORD.sessionLost) {
      ledger.lostSessions.add(claimer);
      return;
    }
    if (kind === RECORD.overClaimed) {
      ledger.overClaims += buffer.readUInt32LE(at + 24);
      return;
    }
    if (kind === RECORD.emptyClaim) {
      ledger.emptyClaims.push({
        requestedUs: buffer.readDoubleLE(at + 8),
        answeredUs: buffer.readDoubleLE(at + 16),
      });
      return;
    }
    if (key >= ledger.size) {
      ledger.foreignKeys.add(key);
      return;
    }
    if (kind === RECORD.enqueueSent) {
      ledger.intendedUs[key] = buffer.readDoubleLE(at + 8);
      ledger.sentUs[key] = buffer.readDoubleLE(at + 16);
      ledger.enqueueState[key] = ENQUEUE.sent;
      const delayUs = buffer.readUInt32LE(at + 24);
      if (delayUs > 0) ledger.delay(key, delayUs);
    } else if (kind === RECORD.enqueueDone) {
      ledger.enqueuedUs[key] = buffer.readDoubleLE(at + 8);
      // Jobs that are due together are announced together, and sent one after another.
      const sentUs = buffer.readDoubleLE(at + 16);
      if (sentUs > 0) ledger.sentUs[key] = sentUs;
      const carriedUs = buffer.readUInt32LE(at + 24);
      if (carriedUs > 0) ledger.carry(key, carriedUs);
      ledger.enqueueState[key] = stateOf(ANSWERS[detail]);
    } else if (kind === RECORD.claimed) {
      const requestedUs = buffer.readDoubleLE(at + 8);
      const answeredUs = buffer.readDoubleLE(at + 16);
      const attempt = buffer.readUInt32LE(at + 24);
      this.#claims += 1;
      ledger.addClaim(key, { agent: this.#agent, claimer, attempt, requestedUs, answeredUs }, this.#claims);
    } else if (kind === RECORD.settling) {
      this.#announce(buffer.readUInt32LE(at + 24), claimer, key, detail, buffer.readDoubleLE(at + 8));
    } else if (kind === RECORD.extended) {
      const extension = {
        agent: this.#agent,
        claimer,
        requestedUs: buffer.readDoubleLE(at + 8),
        answeredUs: buffer.readDoubleLE(at + 16),
      };
      const known = ledger.extensions.get(key);
      if (known === undefined) ledger.extensions.set(key, [extension]);
      else known.push(extension);
    } else if (kind === RECORD.started || kind === RECORD.ended) {
      this.#run(kind, key, buffer.readDoubleLE(at + 8));
    } else if (kind === RECORD.stale) {
      this.#open.get(buffer.readUInt32LE(at + 24))?.stale.add(key);
    }
  }

  /** Settles without an answer: sent by a process that was killed, or answered after the load was over. */
  end(): AgentAccount {
    for (const number of [...this.#open.keys()]) this.#answer(number, false, Number.NaN);
    return this.#account.account();
  }

  #run(kind: number, key: number, atUs: number): void {
    if (kind === RECORD.started) {
      const run = { key, agent: this.#agent, startedUs: atUs, endedUs: Number.NaN };
      this.#running.set(key, run);
      this.#ledger.runs.push(run);
      return;
    }
    const run = this.#running.get(key);
    if (run !== undefined) run.endedUs = atUs;
    this.#running.delete(key);
  }

  #announce(number: number, claimer: number, key: number, kind: number, sentUs: number): void {
    let open = this.#open.get(number);
    if (open === undefined) {
      open = { claimer, sentUs, keys: [], kinds: [], stale: new Set() };
      this.#open.set(number, open);
    }
    open.keys.push(key);
    open.kinds.push(kind);
  }

  #answer(number: number, answered: boolean, answeredUs: number): void {
    const open = this.#open.get(number);
    if (open === undefined) return;
    this.#open.delete(number);
    for (let i = 0; i < open.keys.length; i += 1) {
      const key = open.keys[i] ?? 0;
      const known = open.stale.has(key) ? SETTLE.stale : SETTLE.effective;
      this.#ledger.addSettle(key, {
        agent: this.#agent,
        claimer: open.claimer,
        kind: open.kinds[i] ?? 0,
        sentUs: open.sentUs,
        state: answered ? known : SETTLE.unknown,
        answeredUs,
      });
    }
  }
}
