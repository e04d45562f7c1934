// How was each server set? The settings that decide figures, all others apart from their defaults, and where versions differ.

import type { RunResult } from '../../harness/result/result.ts';
import { ABSENT, plural } from '../render/format.ts';
import { type ServerOfRun, serversOf, settingsApart } from '../servers.ts';
import type { Table, TableCell } from './table.ts';

/** Settings of the server, or of all servers side by side, those that differ first. */
export function serverTable({ environment }: RunResult): Table {
  const servers = serversOf(environment);
  const apart = new Set(settingsApart(servers).map(({ name }) => name));
  const names = [...new Set(servers.flatMap(({ settings }) => Object.keys(settings)))].toSorted(
    (a, b) => Number(apart.has(b)) - Number(apart.has(a)) || (a < b ? -1 : 1),
  );
  const [only] = servers;
  return {
    caption: 'Server settings, read back',
    columns: [
      { label: 'Setting' },
      ...(servers.length === 1 ? [{ label: 'Value' }] : servers.map(({ label = '' }) => ({ label }))),
    ],
    rows: names.map((name) => ({
      cells: [
        { text: name, ...(apart.has(name) ? { small: 'differs' } : {}) },
        ...servers.map((server) => settingCell(server, name, apart.has(name))),
      ],
    })),
    notes: only === undefined || servers.length === 1 ? [] : [differenceNote(apart.size)],
  };
}

function settingCell({ settings }: ServerOfRun, name: string, differs: boolean): TableCell {
  const value = settings[name];
  if (value === undefined)
    return { text: ABSENT, hint: 'at its default, or this version has no such setting, or hides it' };
  if (DURABILITY.has(name) && value === 'off') return { text: value, tone: 'bad' };
  return { text: value, ...(differs ? { tone: 'warn' as const } : {}) };
}

const DURABILITY = new Set(['fsync', 'synchronous_commit', 'full_page_writes']);

function differenceNote(count: number): string {
  return count === 0
    ? 'All servers are set alike, in the settings above.'
    : `${plural(count, 'setting')} above the others ${count === 1 ? 'is' : 'are'} not the same on all servers: by another default, by what the server was given, or since a version lacks one.`;
}
