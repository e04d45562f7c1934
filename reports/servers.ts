// On which servers were the cells of a run? On one mostly; in a run over several versions, each row on its own.

import type { Environment, RunResult } from '../harness/result/result.ts';

/** A server as the run read it back. Without a label where it is the only one. */
export type ServerOfRun = Environment['server'] & { readonly label?: string; readonly fsyncUs?: number };

/** All servers, in the order of the command line. */
export function serversOf({ server, servers, fsyncUs }: Environment): readonly ServerOfRun[] {
  const plain = servers?.map(({ fsyncUs: us, ...one }): ServerOfRun => ({ ...one, ...fsynced(us) }));
  return plain ?? [{ ...server, ...fsynced(fsyncUs) }];
}

function fsynced(fsyncUs: number | undefined): { readonly fsyncUs?: number } {
  return fsyncUs === undefined ? {} : { fsyncUs };
}

/** What a name in tables stands for, where a run has several servers. */
export type Placed = NonNullable<RunResult['matrix']>[number];

/** Absent in a run of one server. */
export function placeOf(result: RunResult, name: string): Placed | undefined {
  return result.matrix?.find((one) => one.name === name);
}

/** The surroundings of one row: those of the run, with the server that the row was on. */
export function environmentOf(result: RunResult, name: string): Environment {
  const { environment } = result;
  const label = placeOf(result, name)?.server;
  const own = environment.servers?.find((one) => one.label === label);
  return own === undefined ? environment : { ...environment, server: own };
}

/** Those that a crash could cost settled work. */
export function undurable(environment: Environment): readonly ServerOfRun[] {
  return serversOf(environment).filter((one) => !one.durable);
}

/** A setting that is not the same on all servers; a value is absent where the version does not know the setting, or runs it at its default. */
export type SettingApart = { readonly name: string; readonly values: readonly (string | undefined)[] };

/** By name, values in the order of the servers. The version is no setting of theirs. */
export function settingsApart(servers: readonly ServerOfRun[]): SettingApart[] {
  const names = [...new Set(servers.flatMap(({ settings }) => Object.keys(settings)))].toSorted();
  return names
    .filter((name) => name !== 'server_version')
    .map((name) => ({ name, values: servers.map(({ settings }) => settings[name]) }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** `data_checksums (off, on), io_method (not reported, worker)`. */
export function settingsText(apart: readonly SettingApart[]): string {
  return apart
    .map(({ name, values }) => `${name} (${values.map((value) => value ?? 'not reported').join(', ')})`)
    .join(', ');
}

/** `14.23 and 18.4`. */
export function versionsText(servers: readonly ServerOfRun[]): string {
  const versions = servers.map(({ version }) => version);
  return [versions.slice(0, -1).join(', '), ...versions.slice(-1)]
    .filter((part) => part !== '')
    .join(' and ');
}

/** What befell the servers that were lost in mid-run, one sentence each; none mostly. */
export function lossTexts({ lostServers = [] }: RunResult): string[] {
  return lostServers.map(({ label, description, finishedCells, reason }) => {
    const which = label === undefined ? 'The server' : `The server of PostgreSQL ${label}`;
    const when = finishedCells === 1 ? '1 cell' : `${finishedCells} cells`;
    return `${which} (${description}) was lost after ${when} of the run: ${reason}.`;
  });
}
