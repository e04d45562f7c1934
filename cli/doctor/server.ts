// Can a server be had here, is it durable, and what does a commit cost?

import { oneLine } from '../../harness/errors.ts';
import { captureEnvironment } from '../../harness/measure/environment.ts';
import type { MachineAtStart } from '../../harness/measure/machine.ts';
import { isOwnServer, openServer, type ServerOptions } from '../../harness/server/index.ts';
import type { PostgresServer } from '../../harness/server/server.ts';
import { interruption } from '../interruption.ts';
import { type Finding, okIf } from './finding.ts';

const SLOW_FSYNC_US = 5_000;
const READY_WITHIN_MS = 5_000;

/** Opens the server and reads it. */
export async function serverFindings(
  spec: string,
  wishes: ServerOptions,
  machine: MachineAtStart,
): Promise<Finding[]> {
  const startedMs = performance.now();
  try {
    await using opened = await openServer(spec, { ...wishes, signal: interruption });
    const readyMs = performance.now() - startedMs;
    return await described(opened, spec, readyMs, machine);
  } catch (error) {
    if (interruption.aborted) throw error;
    return [{ level: 'fail', what: 'server', detail: oneLine(error) }];
  }
}

async function described(
  opened: PostgresServer,
  spec: string,
  readyMs: number,
  machine: MachineAtStart,
): Promise<Finding[]> {
  await using database = await opened.openDatabase('doctor');
  const environment = await captureEnvironment({ server: opened, connection: database.connection, machine });
  const { durable } = environment.server;
  return [
    {
      level: okIf(!isOwnServer(spec) || readyMs < READY_WITHIN_MS),
      what: 'server',
      detail: `${opened.description}, ready in ${(readyMs / 1000).toFixed(1)} s`,
      values: {
        kind: opened.kind,
        version: opened.version,
        readyMs: Math.round(readyMs),
        sharedMachine: environment.sharedMachine,
      },
    },
    {
      level: okIf(durable),
      what: 'durability',
      detail: durable
        ? 'fsync, full_page_writes and synchronous_commit are on'
        : 'OFF: every chart of a run on this server will say so',
      values: { durable },
    },
    ...containerFindings(opened),
    fsyncFinding(environment.fsyncUs),
    ...environment.missing
      // Steal time is read at the end, and the governor has a line of its own.
      .filter((missing) => !missing.startsWith('stealShare') && !missing.startsWith('governor'))
      .map((missing): Finding => ({ level: 'warn', what: 'not readable', detail: missing })),
  ];
}

/** What bounds the server, and what lies between it and its clients. */
function containerFindings({ container }: PostgresServer): Finding[] {
  if (container === undefined) return [];
  const { limits, route, storage, storageDriver, engine, standIn } = container;
  const bounds =
    limits === undefined
      ? 'limits cannot be read'
      : `time of ${limits.cpus ?? 'all'} processors, processors ${limits.cpuset ?? 'all'}, memory ${limits.memoryBytes === undefined ? 'unlimited' : `${Math.round(limits.memoryBytes / 2 ** 20)} MB`}`;
  return [
    {
      level: okIf(route !== 'published port' && !standIn && limits !== undefined),
      what: 'container',
      detail: `Docker ${engine}, by ${route}, data in a ${storage} (${storageDriver}); ${bounds}${standIn ? '; the image is a stand-in built here, not the official one' : ''}`,
      values: { engine, route, storage, storageDriver, standIn },
    },
  ];
}

/** Asked of every machine: whether `--server docker` could be had. */
export async function engineFinding(): Promise<Finding> {
  const { findEngine } = await import('../../harness/server/container/engine.ts');
  try {
    const { info } = await findEngine();
    const { serverVersion, operatingSystem } = info.containerRuntime;
    return {
      level: 'ok',
      what: 'Docker engine',
      detail: `${serverVersion} on ${operatingSystem}: --server docker can be had`,
      values: { engine: String(serverVersion) },
    };
  } catch (error) {
    return { level: 'warn', what: 'Docker engine', detail: oneLine(error) };
  }
}

function fsyncFinding(fsyncUs: number | undefined): Finding {
  if (fsyncUs === undefined)
    return { level: 'warn', what: 'fsync', detail: 'the data folder cannot be reached from here' };
  const cost = `${(fsyncUs / 1000).toFixed(2)} ms for a small write`;
  const fast = fsyncUs < SLOW_FSYNC_US;
  return {
    level: okIf(fast),
    what: 'fsync',
    detail: fast ? cost : `${cost}: commits will be bound by the disk`,
    values: { fsyncUs: Math.round(fsyncUs * 10) / 10 },
  };
}
