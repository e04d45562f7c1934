// Which of a run's servers still answer? One that is lost takes its own cells with it, not those of the others.

import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, oneLine } from '../errors.ts';
import type { RunResult } from '../result/result.ts';
import { isAlive } from '../server/processes.ts';
import type { PostgresServer } from '../server/server.ts';

/** A server of a run. Its label is that of the plan; absent where there is one server only. */
export interface RunServer {
  readonly label?: string;
  readonly server: PostgresServer;
  /** What tells it from the others, such as its settings: a parameter of each of its cells. Absent where versions do. */
  readonly apart?: Readonly<Record<string, string>>;
}

export type LostServer = NonNullable<RunResult['lostServers']>[number];

/** A server that does not answer is lost after this. */
const SILENCE_MS = 20_000;
/** After a crash PostgreSQL recovers by itself, which takes as long as there is WAL to replay. */
const RECOVERY_MS = 120_000;
const PAUSE_MS = 250;
/** The SQLSTATE of a server that starts, recovers or shuts down. */
const CANNOT_CONNECT_NOW = '57P03';

/** The servers of a run, and what became of them. */
export class RunServers {
  readonly #servers: readonly RunServer[];
  readonly #lost = new Map<RunServer, LostServer>();

  /** Labels are unique; a single server has none. */
  constructor(servers: readonly RunServer[]) {
    this.#servers = servers;
  }

  /** The server of a label, or the only one. */
  of(label: string | undefined): RunServer {
    const found = this.#servers.find((one) => one.label === label);
    if (found === undefined) throw new RangeError(`the run has no server ${label ?? 'without a label'}`);
    return found;
  }

  lossOf(server: RunServer): LostServer | undefined {
    return this.#lost.get(server);
  }

  /** In the order in which they were lost. */
  get lost(): readonly LostServer[] {
    return [...this.#lost.values()];
  }

  get allLost(): boolean {
    return this.#lost.size === this.#servers.length;
  }

  /** Looks after a failure whether the server is still there; one that is not is lost for good. */
  async examine(one: RunServer, finishedCells: number, signal: AbortSignal): Promise<LostServer | undefined> {
    const reason = await whyGone(one.server, signal);
    if (reason === undefined || signal.aborted) return undefined;
    const lost = {
      ...(one.label === undefined ? {} : { label: one.label }),
      description: one.server.description,
      finishedCells,
      reason,
    };
    this.#lost.set(one, lost);
    return lost;
  }
}

/** Absent when the server still makes places for cells, or does so again in time. */
async function whyGone(server: PostgresServer, signal: AbortSignal): Promise<string | undefined> {
  const startMs = performance.now();
  for (;;) {
    // One that is being restarted has no process for a while, and is not gone.
    if (server.pid !== undefined && !isAlive(server.pid)) {
      const why = server.whyGone === undefined ? 'its process has ended' : await server.whyGone();
      if (why !== undefined) return why;
    }
    const refusal = await whyNoPlace(server);
    if (refusal === undefined) return undefined;
    const gone = await server.whyGone?.();
    if (gone !== undefined) return gone;
    const recovering = server.pid !== undefined || errorCode(refusal) === CANNOT_CONNECT_NOW;
    if (signal.aborted || performance.now() - startMs >= (recovering ? RECOVERY_MS : SILENCE_MS))
      return oneLine(refusal);
    // An abort ends the wait, and then the loop by its own check.
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function whyNoPlace(server: PostgresServer): Promise<Error | undefined> {
  try {
    const database = await server.openDatabase('still_there');
    await database[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(oneLine(error));
  }
}
