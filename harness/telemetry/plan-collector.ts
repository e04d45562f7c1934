// Which plans did the statements of this process run with? Kept within bounds, as the server sends them.

import type { PlanReport, PlanSampling } from '../contender.ts';
import { nowUs } from '../load/clock.ts';
import { isPlan, parsePlan, shapeOf } from './plan-shape.ts';
import { OWN_MARK } from './sampler-statements.ts';

/** What this needs of a driver: options of queue/drivers/options.ts, by their names. */
export interface ObservedDriver {
  readonly sessionOptions?: string;
  readonly onSession?: (session: Session) => (message: string) => void;
}

interface Session {
  readonly purpose: string | undefined;
  between(text: string): Promise<void>;
}

/**
 * Plans that a process's first sessions of each purpose send in full. A prepared statement has a plan for its values five
 * times before it may get its generic one, and a session has a handful of statements; the other sessions send the same.
 */
const IN_FULL = { sessions: 2, plans: 40 } as const;
/** So often a session is asked to slow down that may not: one whose role was changed may get its own back. */
const ATTEMPTS = 10;
/**
 * A session starts at the low rate, by its options: whatever resets or rolls back its settings brings it back to that,
 * and no plan in full costs more than a session that was told so. Never within a transaction of the load's: see `between`.
 */
const SPEED_UP = `SET ${OWN_MARK}plans */ auto_explain.sample_rate = 1`;
const SLOW_DOWN = `RESET ${OWN_MARK}plans */ auto_explain.sample_rate`;
const SHAPES = 64;
const STATEMENTS = 64;

interface Shape {
  readonly query: string;
  readonly plan: string;
  seen: number;
  readonly firstUs: number;
  lastUs: number;
}

/** Listens to the sessions of one process. Everything is bounded; what exceeds a bound is not kept. */
export class PlanCollector {
  readonly #sampling: PlanSampling | undefined;
  readonly #shapes = new Map<string, Shape>();
  readonly #sessions = new Map<string | undefined, number>();
  #ownCommits = 0;
  /** Sessions that were asked to slow down and have not. */
  readonly #unslowed = new Set<Session>();
  readonly #statements = new Set<string>();

  constructor(sampling: PlanSampling | undefined) {
    this.#sampling = sampling;
  }

  /** For the driver of producers or workers. */
  driverOptions(): ObservedDriver {
    const options = this.#sampling?.sessionOptions;
    if (options === undefined) return {};
    return { sessionOptions: options, onSession: (session) => this.#opened(session) };
  }

  /** To be told of every statement that is sent: where the server does not send plans, they are asked for afterwards. */
  sent({ text, name }: { readonly text: string; readonly name?: string }): void {
    if (this.#sampling === undefined || this.#sampling.sessionOptions !== undefined) return;
    if (name !== undefined && this.#statements.size < STATEMENTS) this.#statements.add(text);
  }

  report(): PlanReport {
    return {
      plans: [...this.#shapes.values()],
      statements: [...this.#statements],
      ownCommits: this.#ownCommits,
      unslowed: this.#unslowed.size,
    };
  }

  #opened(session: Session): (message: string) => void {
    const before = this.#sessions.get(session.purpose) ?? 0;
    this.#sessions.set(session.purpose, before + 1);
    if (before >= IN_FULL.sessions) return (message) => this.#hear(message);
    const said = () => {
      this.#ownCommits += 1;
    };
    session.between(SPEED_UP).then(said, () => undefined);
    let plans = 0;
    let askAt: number = IN_FULL.plans;
    let asked = 0;
    return (message) => {
      this.#hear(message);
      if (isPlan(message)) plans += 1;
      if (plans < askAt) return;
      askAt = Number.POSITIVE_INFINITY;
      asked += 1;
      this.#unslowed.add(session);
      session.between(SLOW_DOWN).then(
        () => {
          this.#unslowed.delete(session);
          said();
        },
        () => {
          if (asked < ATTEMPTS) askAt = plans + IN_FULL.plans;
        },
      );
    };
  }

  #hear(message: string): void {
    const found = parsePlan(message);
    if (found === undefined || found.query.includes(OWN_MARK)) return;
    const atUs = nowUs();
    const key = `${found.query}\n${shapeOf(found.plan)}`;
    const known = this.#shapes.get(key);
    if (known !== undefined) {
      known.seen += 1;
      known.lastUs = atUs;
    } else if (this.#shapes.size < SHAPES) {
      this.#shapes.set(key, { ...found, seen: 1, firstUs: atUs, lastUs: atUs });
    }
  }
}
