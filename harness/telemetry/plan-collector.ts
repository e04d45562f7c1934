// Which plans did the statements of this process run with? Kept within bounds, as the server sends them.

import type { PlannedStatement, PlanReport, PlanSampling } from '../contender.ts';
import { nowUs } from '../load/clock.ts';
import { parsePlan, shapeOf } from './plan-shape.ts';
import { OWN_MARK } from './sampler-statements.ts';

/** What this needs of a driver: options of queue/drivers/pg.ts, by their names. */
export interface ObservedDriver {
  readonly sessionOptions?: string;
  readonly onNotice?: (message: string, connection: Sender) => void;
}

interface Sender {
  query(statement: { readonly text: string }): Promise<unknown>;
}

/**
 * Plans in full that a session sends before it is told to sample. A prepared statement has a plan for its values five
 * times before it may get its generic one, and a session has a handful of statements: the first sessions of a process
 * go all the way, the others, which send the same ones, are shorter.
 */
const FIRST_PLANS = { sessions: 2, inThose: 40, inOthers: 8 } as const;
/** A session whose change of rate was undone is told again, so often at most. */
const REMINDERS = 10;
/** A plan costs the server 10 to 20 µs and the client as much again: at this rate far below a thousandth of a job. */
const SAMPLE_RATE = 0.002;
const SHAPES = 64;
const STATEMENTS = 64;
const SETTLES_SESSION = /^\s*(?:SET\s|SELECT\s+(?:pg_catalog\.)?set_config\s*\()/i;

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
  readonly #heard = new WeakMap<Sender, { plans: number; readonly inFull: number }>();
  #sessions = 0;
  readonly #statements = new Set<string>();
  readonly #setup = new Map<string, PlannedStatement>();

  constructor(sampling: PlanSampling | undefined) {
    this.#sampling = sampling;
  }

  /** For the driver of producers or workers. */
  driverOptions(): ObservedDriver {
    const options = this.#sampling?.sessionOptions;
    if (options === undefined) return {};
    return { sessionOptions: options, onNotice: (message, connection) => this.#hear(message, connection) };
  }

  /** To be told of every statement that is sent: where the server does not send plans, they are asked for afterwards. */
  sent(statement: {
    readonly text: string;
    readonly values?: readonly unknown[];
    readonly name?: string;
  }): void {
    if (this.#sampling === undefined || this.#sampling.sessionOptions !== undefined) return;
    const { text, values = [], name } = statement;
    if (name !== undefined) {
      if (this.#statements.size < STATEMENTS) this.#statements.add(text);
    } else if (this.#setup.size < STATEMENTS && SETTLES_SESSION.test(text)) {
      this.#setup.set(text, { text, values });
    }
  }

  report(): PlanReport {
    return {
      plans: [...this.#shapes.values()],
      statements: [...this.#statements],
      setup: [...this.#setup.values()],
    };
  }

  #hear(message: string, connection: Sender): void {
    const found = parsePlan(message);
    if (found === undefined) return;
    this.#slowDown(connection);
    if (found.query.includes(OWN_MARK)) return;
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

  /** Fire and forget: it travels with whatever is on its way. In a transaction that fails it is undone, and said again. */
  #slowDown(connection: Sender): void {
    let heard = this.#heard.get(connection);
    if (heard === undefined) {
      this.#sessions += 1;
      const { sessions, inThose, inOthers } = FIRST_PLANS;
      heard = { plans: 0, inFull: this.#sessions <= sessions ? inThose : inOthers };
      this.#heard.set(connection, heard);
    }
    heard.plans += 1;
    const { plans, inFull } = heard;
    if (plans % inFull === 0 && plans <= REMINDERS * inFull) {
      connection.query({ text: `SET auto_explain.sample_rate = ${SAMPLE_RATE}` }).catch(() => undefined);
    }
  }
}
