// Where do sequences run, one after another? In a schema of their own, with sessions that outlive them.

import type { Connection, Driver } from '../drivers/driver.ts';
import type { ClaimStrategy, JobId, StrategyFactory, WorkerSession } from '../strategy.ts';
import { SESSIONS } from './commands.ts';

/** A session, its number among all that the slot opened, and its place among those of a sequence. */
export interface SlotSession {
  readonly session: WorkerSession;
  readonly number: number;
  readonly place: number;
  readonly pid: number;
}

let schemas = 0;

/** A strategy installed in a fresh schema. A sequence that ends well leaves nothing but dead letters in it. */
export class Slot implements AsyncDisposable {
  readonly strategy: ClaimStrategy;
  readonly driver: Driver;
  /** For transactions that stay open; its statements are awaited one by one. */
  readonly transactor: Connection;
  readonly #sessions: SlotSession[] = [];
  #opened = 0;
  /** Dead letters of the sequences before: all that these leave. */
  readonly dead = new Set<JobId>();

  private constructor(strategy: ClaimStrategy, driver: Driver, transactor: Connection) {
    this.strategy = strategy;
    this.driver = driver;
    this.transactor = transactor;
  }

  static async open(factory: StrategyFactory, driver: Driver): Promise<Slot> {
    schemas += 1;
    const strategy = factory.create({ schema: `model ${schemas}` });
    await strategy.install(driver);
    const slot = new Slot(strategy, driver, await driver.connect('transactor'));
    for (let place = 0; place < SESSIONS; place += 1) slot.#sessions.push(await slot.#openSession(place));
    return slot;
  }

  async #openSession(place: number): Promise<SlotSession> {
    const connection = await this.driver.connect('model');
    // Whoever takes a lost session's place takes its name, as in a worker.
    const session = await this.strategy.openWorker(connection, `worker ${place}`);
    this.#opened += 1;
    return { session, place, number: this.#opened, pid: connection.backendPid };
  }

  at(place: number): SlotSession {
    const found = this.#sessions[place];
    if (found === undefined) throw new Error(`there is no session ${place}`);
    return found;
  }

  /** Ends the session at `place` and opens another one there; returns the one that is gone. */
  async crash(place: number, how: 'terminated' | 'closed'): Promise<SlotSession> {
    const gone = this.at(place);
    if (how === 'terminated')
      await this.driver.query({ text: 'SELECT pg_terminate_backend($1, 5000)', values: [gone.pid] });
    await gone.session[Symbol.asyncDispose]();
    this.#sessions[place] = await this.#openSession(place);
    return gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.transactor[Symbol.asyncDispose](),
      ...this.#sessions.map(({ session }) => session[Symbol.asyncDispose]()),
    ]);
  }
}
