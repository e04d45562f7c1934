// Where does a measuring command run: on which server, and on which cores?

import { type Priority, type PriorityWish, planPriority } from '../harness/load/priority.ts';
import { captureEnvironment, readCpuTimes } from '../harness/measure/environment.ts';
import { readMachine } from '../harness/measure/machine.ts';
import {
  canPinProcesses,
  formatCpuList,
  type Pinning,
  type PinWish,
  pinThisProcess,
  planPinning,
} from '../harness/pinning.ts';
import type { Environment } from '../harness/result.ts';
import { isPostgresMajor } from '../harness/server/embedded.ts';
import { openServer } from '../harness/server/index.ts';
import type { PostgresServer } from '../harness/server/server.ts';
import { interruption } from './interruption.ts';

export interface PlaceOptions {
  /** `embedded`, or an address. */
  readonly server: string;
  /** PostgreSQL major of an embedded server. */
  readonly pg?: string | undefined;
  readonly pin: PinWish;
  readonly producerPriority: PriorityWish;
}

/** A server that runs, and the cores of either side. Disposing stops the server and frees this process. */
export interface Place extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly pinned: Pinning | undefined;
  readonly producerPriority: Priority;
  /** For the line that announces a run: `pinned apart …`, or nothing. */
  readonly pinnedText: string;
  /** All that decides figures, with the ceilings that the run has measured. */
  environment(
    nullCeilingPerSec: number | undefined,
    nullCeilings: Readonly<Record<string, number>>,
  ): Promise<Environment>;
}

/**
 * Opens the server and, where that was asked for, pins it apart from this process and its agents.
 * @throws UsageError for cores that cannot be had, before anything is started.
 */
export async function openPlace(options: PlaceOptions): Promise<Place> {
  const machine = readMachine();
  const cpuTimesAtStart = readCpuTimes();
  const pinned = planPinning(options.pin, {
    processors: machine.processors,
    canPin: canPinProcesses(),
    embedded: options.server === 'embedded',
  });
  const producerPriority = planPriority(options.producerPriority);
  await using opening = new AsyncDisposableStack();
  const server = opening.use(
    await openServer(options.server, {
      signal: interruption,
      ...(options.pg !== undefined && isPostgresMajor(options.pg) ? { version: options.pg } : {}),
      ...(pinned === undefined ? {} : { cpus: pinned.server }),
    }),
  );
  if (pinned !== undefined)
    opening.defer(pinThisProcess(pinned.agents, machine.processors.allowed ?? pinned.agents));
  const opened = opening.move();
  return {
    server,
    pinned,
    producerPriority,
    pinnedText:
      pinned === undefined
        ? ''
        : `; server pinned to cores ${formatCpuList(pinned.server)}, agents to ${formatCpuList(pinned.agents)}`,
    async environment(nullCeilingPerSec, nullCeilings) {
      await using database = await server.openDatabase('environment');
      const { connection } = database;
      const environment = await captureEnvironment({
        server,
        connection,
        cpuTimesAtStart,
        machine,
        pinned,
        producerPriority,
      });
      return {
        ...environment,
        ...(nullCeilingPerSec === undefined ? {} : { nullCeilingPerSec: Math.round(nullCeilingPerSec) }),
        ...(Object.keys(nullCeilings).length === 0 ? {} : { nullCeilings: { ...nullCeilings } }),
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
