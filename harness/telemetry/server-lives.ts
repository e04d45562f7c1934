// Through how many lives did the server go while a load ran, and which of their ends did the scenario itself cause?

import type { Restartable } from '../faults/restart-server.ts';
import type { StopMode } from '../server/server.ts';
import type { Watched } from './sampler.ts';
import { COSTS_NAME, type CostDifference, inOwnSession } from './server-costs.ts';
import { lifeBroken, readLife, type ServerLife } from './server-life.ts';

/** What became of the server from `begin` to `end`. */
export interface LivesAccount {
  /** What voids the cell: a crash, a start or a reset of the counters that the scenario did not ask for. */
  readonly failures: readonly string[];
  /** Whether the counters of before and after count from the same zero. */
  readonly comparable: boolean;
  /** What of the costs is still true after restarts of the scenario's own. */
  readonly stillTrue: (spent: CostDifference) => CostDifference;
  readonly notes: readonly string[];
}

const BEGAN_ANEW =
  'commits, buffers, dead tuples, updates and full-page images: the scenario stopped the server at once, and its counters began anew';
const ARCHIVED = 'WAL: the server archives it, and leaves the rest of a segment empty where it stops';

/**
 * Looks at the server when its counters are set to zero, before and after each restart by a fault, and at the end. Between two
 * looks it must have lived on: so a crash is found that the scenario did not cause, whatever else happened.
 */
export class ServerLives {
  readonly #watched: Watched;
  readonly #failures: string[] = [];
  readonly #restarts: StopMode[] = [];
  #life: ServerLife | undefined;
  #beganAnew = false;
  #archives = false;

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  async begin(): Promise<void> {
    this.#life = await inOwnSession(this.#watched, readLife);
  }

  /** The server for faults: what they do to it is known here. */
  restartable({ restart }: Restartable): Restartable {
    if (restart === undefined) return {};
    return {
      restart: async (mode, options) => {
        await this.#look();
        const before = this.#life;
        const done = await restart(mode, options);
        this.#life = await inOwnSession(this.#watched, readLife);
        this.#restarts.push(mode);
        // A server that is stopped in good order writes its counters down, and goes on with them.
        if (before?.walSinceUs !== this.#life.walSinceUs) this.#beganAnew = true;
        this.#archives ||= await this.#archiving();
        return done;
      },
    };
  }

  async end(): Promise<LivesAccount> {
    await this.#look();
    const lost = this.#beganAnew;
    const modes = this.#restarts.join(', ');
    return {
      failures: this.#failures,
      comparable: this.#failures.length === 0 && !lost,
      stillTrue: (spent) => (lost ? withoutCounters(spent, this.#archives) : spent),
      notes:
        modes === ''
          ? []
          : [
              `the scenario restarted the server (${modes}): its WAL holds what that took, and is that of all its lives`,
            ],
    };
  }

  /** At the server as it is now. */
  async #look(): Promise<void> {
    const now = await inOwnSession(this.#watched, readLife);
    const broken = this.#life && lifeBroken(this.#life, now);
    if (broken !== undefined) this.#failures.push(broken);
    this.#life = now;
  }

  async #archiving(): Promise<boolean> {
    const [row] = await inOwnSession(this.#watched, (session) =>
      session.query<{ archives: boolean }>(
        `SELECT /* ${COSTS_NAME} */ current_setting('archive_mode') <> 'off' AS archives`,
      ),
    );
    return row?.archives !== false;
  }
}

/** WAL is told by its place in the log, which goes on over a crash where what had reached the disk ends; CPU time by the processes. */
function withoutCounters(spent: CostDifference, archives: boolean): CostDifference {
  const { walBytes, serverCpuUs } = spent;
  return {
    ...(walBytes === undefined || archives ? {} : { walBytes }),
    ...(serverCpuUs === undefined ? {} : { serverCpuUs }),
    missing: [
      ...spent.missing.filter((one) => !one.includes('the counter fell')),
      BEGAN_ANEW,
      ...(archives ? [ARCHIVED] : []),
    ],
  };
}
