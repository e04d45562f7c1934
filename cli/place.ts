// Where does a measuring command run: on which servers, and on which cores?

import { isForUser, oneLine, RuntimeFailure, UsageError } from '../harness/errors.ts';
import { type Priority, type PriorityWish, planPriority } from '../harness/load/priority.ts';
import { captureEnvironment, readCpuTimes } from '../harness/measure/environment.ts';
import { readMachine } from '../harness/measure/machine.ts';
import type { Environment } from '../harness/result/result.ts';
import {
  canPinProcesses,
  formatCpuList,
  type Pinning,
  type PinWish,
  pinThisProcess,
  planPinning,
} from '../harness/run/pinning.ts';
import type { RunServer } from '../harness/run/servers.ts';
import type { PostgresMajor } from '../harness/server/binary-pins.ts';
import { isOwnServer, openServer, type ServerOptions } from '../harness/server/index.ts';
import type { ConnectionSettings } from '../harness/server/server.ts';
import { interruption } from './interruption.ts';

export interface PlaceOptions {
  /** `embedded`, `docker`, or an address. */
  readonly server: string;
  /** Of a server that is started for the run. */
  readonly wishes?: Pick<ServerOptions, 'container' | 'settings' | 'extensions'>;
  /** PostgreSQL majors; several open a server each. */
  readonly pg?: readonly PostgresMajor[] | undefined;
  /** Further servers of the same kind or at other addresses, beside `server`; absent: none. */
  readonly others?: readonly string[];
  /** Settings that open a server each, in place of versions. */
  readonly variants?: readonly {
    readonly label: string;
    readonly settings: Readonly<Record<string, string>>;
  }[];
  readonly pin: PinWish;
  readonly producerPriority: PriorityWish;
}

/** Servers that run, and the cores of either side. Disposing stops the servers and frees this process. */
export interface Place extends AsyncDisposable {
  /** Labelled by their majors where there are several. */
  readonly servers: readonly [RunServer, ...RunServer[]];
  readonly pinned: Pinning | undefined;
  readonly producerPriority: Priority;
  /** For the line that announces a run: `pinned apart …`, or nothing. */
  readonly pinnedText: string;
  /** All that decides figures, with the ceilings that the run has measured. Of a server that was lost, as it was read before. */
  environment(
    nullCeilingPerSec: number | undefined,
    nullCeilings: Readonly<Record<string, number>>,
  ): Promise<Environment>;
}

/**
 * Opens the servers and, where that was asked for, pins them apart from this process and its agents. All stay open, so that
 * cells on them can alternate; one without load has nothing to do.
 * @throws UsageError for cores that cannot be had, before anything is started. What a server fails by names its version.
 */
export async function openPlace(options: PlaceOptions): Promise<Place> {
  const machine = readMachine();
  const cpuTimesAtStart = readCpuTimes();
  const pinned = planPinning(options.pin, {
    processors: machine.processors,
    canPin: canPinProcesses(),
    own: isOwnServer(options.server),
  });
  const producerPriority = planPriority(options.producerPriority);
  await using opening = new AsyncDisposableStack();
  const servers = await openServers(options, pinned, opening);
  if (pinned !== undefined)
    opening.defer(pinThisProcess(pinned.agents, machine.processors.allowed ?? pinned.agents));
  const opened = opening.move();
  const readings = new Map<RunServer, Environment>();
  const read = async (one: RunServer): Promise<Environment> => {
    const environment = await reading(one, readings.get(one), async (connection) =>
      captureEnvironment({
        server: one.server,
        connection,
        cpuTimesAtStart,
        machine,
        pinned,
        producerPriority,
      }),
    );
    readings.set(one, environment);
    return environment;
  };
  return {
    servers,
    pinned,
    producerPriority,
    pinnedText:
      pinned === undefined
        ? ''
        : `; server pinned to cores ${formatCpuList(pinned.server)}, agents to ${formatCpuList(pinned.agents)}`,
    async environment(nullCeilingPerSec, nullCeilings) {
      const first = await read(servers[0]);
      const environment = servers.length === 1 ? first : await joined(servers, first, read);
      return {
        ...environment,
        ...(nullCeilingPerSec === undefined ? {} : { nullCeilingPerSec: Math.round(nullCeilingPerSec) }),
        ...(Object.keys(nullCeilings).length === 0 ? {} : { nullCeilings: { ...nullCeilings } }),
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** @throws UsageError where the last is one of those before it, by whatever name or database. */
function requireOtherServer(servers: readonly RunServer[]): void {
  const last = servers.at(-1);
  const startedAt = last?.server.startedAt;
  const same = servers.find((one) => one !== last && one.server.startedAt === startedAt);
  if (startedAt === undefined || same === undefined) return;
  throw new UsageError(
    `--server: ${same.label} and ${last?.label} are one and the same server (started at ${startedAt}): leave one of them out`,
  );
}

async function openServers(
  { server, others: further = [], pg, wishes, variants = [] }: PlaceOptions,
  pinned: Pinning | undefined,
  opening: AsyncDisposableStack,
): Promise<Place['servers']> {
  const open = async (version: Pick<ServerOptions, 'version' | 'settings'>, where = server) =>
    opening.use(
      await openServer(where, {
        signal: interruption,
        onFetch: (image) => process.stderr.write(`claimbench: fetching image ${image}\n`),
        ...wishes,
        ...version,
        ...(pinned === undefined ? {} : { cpus: pinned.server }),
      }),
    );
  const [major, ...others] = pg ?? [];
  const varied = async ({ label, settings }: (typeof variants)[number]): Promise<RunServer> => {
    const options = {
      settings: { ...wishes?.settings, ...settings },
      ...majorOf(major),
    };
    try {
      return { label, apart: settings, server: await open(options) };
    } catch (error) {
      throw naming(label, error);
    }
  };
  if (further.length > 0) {
    const numbered = async (where: string, i: number): Promise<RunServer> => {
      const label = serverLabel(i);
      try {
        return { label, apart: { server: String(i + 1) }, server: await open(majorOf(major), where) };
      } catch (error) {
        throw naming(label, error);
      }
    };
    const servers: [RunServer, ...RunServer[]] = [await numbered(server, 0)];
    for (const [i, where] of further.entries()) {
      servers.push(await numbered(where, i + 1));
      requireOtherServer(servers);
    }
    return servers;
  }
  const [variant, ...otherVariants] = variants;
  if (variant !== undefined) {
    const servers: [RunServer, ...RunServer[]] = [await varied(variant)];
    for (const one of otherVariants) servers.push(await varied(one));
    return servers;
  }
  if (major === undefined) return [{ server: await open({}) }];
  if (others.length === 0) return [{ server: await open({ version: major }) }];
  const labelled = async (version: PostgresMajor): Promise<RunServer> => {
    try {
      return { label: version, server: await open({ version }) };
    } catch (error) {
      throw naming(`PostgreSQL ${version}`, error);
    }
  };
  const servers: [RunServer, ...RunServer[]] = [await labelled(major)];
  for (const version of others) servers.push(await labelled(version));
  return servers;
}

function majorOf(major: PostgresMajor | undefined): Pick<ServerOptions, 'version'> {
  return major === undefined ? {} : { version: major };
}

/** How one of several servers is told from the others, by its place on the command line from 0. */
export function serverLabel(place: number): string {
  return `server-${place + 1}`;
}

/** The same failure with what names the server before it, unless its message says that already. */
function naming(which: string, error: unknown): unknown {
  if (!isForUser(error) || error.message.includes(which)) return error;
  const text = `${which}: ${error.message}`;
  return error instanceof UsageError ? new UsageError(text) : new RuntimeFailure(text, { cause: error });
}

/** What the server says now; of one that answers no more, what it said `before`. */
async function reading(
  { label, server, apart }: RunServer,
  before: Environment | undefined,
  capture: (connection: ConnectionSettings) => Promise<Environment>,
): Promise<Environment> {
  try {
    await using database = await server.openDatabase('environment');
    return await capture(database.connection);
  } catch (error) {
    if (before === undefined || interruption.aborted) throw error;
    const which = label === undefined ? 'the server' : apart === undefined ? `PostgreSQL ${label}` : label;
    return { ...before, missing: [...before.missing, `${which} at the end of the run: ${oneLine(error)}`] };
  }
}

/** One environment of several servers: the machine is the same for all. */
async function joined(
  servers: readonly RunServer[],
  first: Environment,
  read: (one: RunServer) => Promise<Environment>,
): Promise<Environment> {
  const all: { readonly label: string; readonly environment: Environment }[] = [];
  for (const [place, one] of servers.entries())
    all.push({ label: one.label ?? '', environment: place === 0 ? first : await read(one) });
  return {
    ...first,
    servers: all.map(({ label, environment: { server, fsyncUs } }) => ({
      label,
      ...server,
      ...(fsyncUs === undefined ? {} : { fsyncUs }),
    })),
    missing: [...new Set(all.flatMap(({ environment }) => environment.missing))],
  };
}
