// Under which settings was it measured? What contenders really ran with, the machine, the server, and every cell.

import type { Cell, Environment, RunResult } from '../../harness/result/result.ts';
import { spread } from '../../stats/spread.ts';
import {
  ABSENT,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatRange,
  formatSeconds,
  formatShare,
} from '../render/format.ts';
import { type ServerOfRun, serversOf } from '../servers.ts';
import type { Panel } from '../summary.ts';
import { containerText, limitsText } from './container.ts';
import { sideBySide, type Table, type TableCell, valueCell } from './table.ts';

const numeric = (value: unknown): number[] =>
  typeof value === 'number' && Number.isFinite(value) ? [value] : [];

/** Settings per contender: what it was asked for where nothing could be read back, and what was. */
export function fairnessTable(panel: Panel): Table {
  return sideBySide(settingsByContender(panel), 'Setting', false);
}

function settingsByContender(panel: Panel): Table {
  const cells = panel.rows.flatMap((row) => [...row.valid, ...row.invalid, ...row.incorrect]);
  const keys = [...new Set(cells.flatMap((cell) => Object.keys(cell.contender.effective)))].toSorted();
  const asked = [...new Set(cells.flatMap((cell) => Object.keys(cell.contender.declared ?? {})))]
    .filter((name) => name !== 'batch' && !keys.includes(name))
    .toSorted();
  const parameter = (name: string) => (cell: Cell) => cell.parameters[name];
  const setting = (name: string) => (cell: Cell) => cell.contender.effective[name];
  const declared = (name: string) => (cell: Cell) => cell.contender.declared?.[name];
  const reads = [...panel.differing.map(parameter), ...asked.map(declared), ...keys.map(setting)];
  const labels = [...panel.differing, ...asked.map((name) => `Declared ${name}`), ...keys];
  return {
    caption: `Settings in force: ${panel.scenario}`,
    columns: [
      { label: 'Contender' },
      { label: 'Strategy' },
      { label: 'Wake-up' },
      { label: 'Driver' },
      { label: 'Declared batch' },
      ...labels.map((label) => ({ label })),
    ],
    rows: panel.rows.map((row) => {
      const own = [...row.valid, ...row.invalid, ...row.incorrect];
      const contender = own[0]?.contender;
      const text = (value: string | undefined): TableCell =>
        value === undefined ? { text: ABSENT, hint: 'does not apply' } : { text: value };
      return {
        series: row.series,
        cells: [
          { text: row.series.label },
          text(contender?.strategy),
          text(contender?.wakeup),
          text(contender?.driver),
          valueCell(contender?.batch, formatCount),
          ...reads.map((read) => settingCell(own, read)),
        ],
      };
    }),
    notes: [
      'Read back from the server and the contender, or observed, unless called declared. Numbers: median [smallest–largest] over repeats.',
    ],
  };
}

function settingCell(
  cells: readonly Cell[],
  read: (cell: Cell) => string | number | boolean | undefined,
): TableCell {
  const values = cells.flatMap((cell) => read(cell) ?? []);
  if (values.length === 0) return { text: ABSENT, hint: 'does not apply, or could not be read' };
  const figures = spread(values.flatMap(numeric));
  if (figures !== undefined && figures.n === values.length) {
    const same = figures.min === figures.max;
    // Eight connections are 8, not 8.00.
    const write = values.every(Number.isInteger) ? formatCount : formatNumber;
    return { text: write(figures.median), small: same ? '' : formatRange(figures, write) };
  }
  const words = [...new Set(values.map(String))];
  const short = words.map((word) => (DIGEST.test(word) ? `${word.slice(0, 12)}…` : word)).join(', ');
  return { text: short, ...(short === words.join(', ') ? {} : { hint: words.join(', ') }) };
}

/** A SHA-256: its beginning tells two files apart, and the bundle has the rest. */
const DIGEST = /^[0-9a-f]{64}$/;

/** Machine and software. */
export function environmentTable({ environment: e }: RunResult): Table {
  const rows: [string, string][] = [
    ['claimbench', e.claimbenchVersion],
    ['Node.js', e.node],
    ['Operating system', `${e.os} ${e.arch}${e.container ? ', in a container' : ''}`],
    ['CPU', `${e.cpuModel}, ${formatCount(e.cores)} cores${grantText(e)}`],
    ['CPU frequency governor', e.governor ?? `${ABSENT} (not visible)`],
    ['Memory', formatBytes(e.memoryBytes)],
    ...ofServers(e, 'PostgreSQL', ({ version, kind, description }) => `${version}, ${kind}: ${description}`),
    ...ofServers(e, 'Durability', ({ durable }) =>
      durable ? 'on: fsync, synchronous_commit, full_page_writes' : 'OFF: a crash would lose settled work',
    ),
    ...ofServers(e, 'Container', ({ container }) => container && containerText(container)),
    ...ofServers(e, 'Limits of the container', ({ container }) => container && limitsText(container)),
    ...ofServers(e, 'Extensions', ({ extensions }) => extensions && extensionsText(extensions)),
    ['Generator and server', e.sharedMachine ? 'share one machine' : 'on machines of their own'],
    ['Cores', coresText(e)],
    ['Producers', priorityText(e)],
    [
      'Load average at the start',
      e.loadAverageAtStart === undefined ? `${ABSENT} (not read)` : formatNumber(e.loadAverageAtStart),
    ],
    [
      'Clock resolution',
      e.clockResolutionUs === undefined ? `${ABSENT} (not read)` : formatDuration(e.clockResolutionUs),
    ],
    ...ofServers(e, 'fsynced write, median', ({ fsyncUs }) =>
      fsyncUs === undefined ? `${ABSENT} (data folder out of reach)` : formatDuration(fsyncUs),
    ),
    [
      'CPU stolen by the hypervisor',
      e.stealShare === undefined ? `${ABSENT} (not reported)` : formatShare(e.stealShare),
    ],
    ['Null contender, jobs/s', ceilingText(e)],
  ];
  return {
    caption: 'Machine and software',
    columns: [{ label: 'What' }, { label: 'Value' }],
    rows: rows.map(([name, value]) => ({ cells: [{ text: name }, { text: value }] })),
    notes: e.missing.map((what) => `Not available: ${what}`),
  };
}

/** A row, or one for each of several servers; none where there is nothing to write. */
function ofServers(
  environment: Environment,
  what: string,
  write: (server: ServerOfRun) => string | undefined,
): [string, string][] {
  return serversOf(environment).flatMap((server): [string, string][] => {
    const text = write(server);
    const name = server.label === undefined ? what : `${what} (${server.label})`;
    return text === undefined ? [] : [[name, text]];
  });
}

function extensionsText(extensions: Readonly<Record<string, string>>): string {
  return Object.entries(extensions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

function grantText({ allowedCpus, cpuQuota, cores }: Environment): string {
  const allowed =
    allowedCpus === undefined || allowedCpus.length === cores
      ? ''
      : `, ${formatCount(allowedCpus.length)} allowed`;
  return cpuQuota === undefined ? allowed : `${allowed}, time of ${formatNumber(cpuQuota)} granted`;
}

function coresText({ pinned, sharedMachine }: Environment): string {
  if (pinned !== undefined)
    return `pinned apart: server on ${pinned.server.join(', ')}; agents and coordinator on ${pinned.agents.join(', ')}`;
  return sharedMachine ? 'not pinned: the scheduler places server and agents' : 'not pinned';
}

function priorityText({ producerPriority }: Environment): string {
  if (producerPriority === undefined) return '–';
  return producerPriority === 'realtime'
    ? 'at real-time priority where they send on schedule'
    : 'at normal priority: they wait for their turn beside the server';
}

function ceilingText({ nullCeilings, nullCeilingPerSec }: Environment): string {
  const sizes = Object.entries(nullCeilings ?? {}).toSorted(([a], [b]) => Number(a) - Number(b));
  if (sizes.length > 0)
    return sizes.map(([size, rate]) => `${formatCount(rate)} at ${size} per claim`).join('; ');
  return nullCeilingPerSec === undefined ? `${ABSENT} (not measured)` : formatCount(nullCeilingPerSec);
}

/** Every cell in the order in which it ran. */
export function cellsTable(result: RunResult): Table {
  const tones = { valid: 'good', invalid: 'warn', incorrect: 'bad' } as const;
  return {
    caption: 'Cells in order of execution',
    columns: [
      { label: 'Cell' },
      { label: 'Order', numeric: true },
      { label: 'Block', numeric: true },
      { label: 'Repeat', numeric: true },
      { label: 'Scenario' },
      { label: 'Contender' },
      { label: 'Verdict' },
      { label: 'Settled jobs/s', numeric: true },
      { label: 'Warm-up', numeric: true },
      { label: 'Measured', numeric: true },
      { label: 'Window' },
      { label: 'Reasons and notes' },
    ],
    rows: result.cells
      .toSorted((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1))
      .map((cell) => ({
        cells: [
          { text: cell.id },
          { text: String(cell.order) },
          { text: String(cell.block) },
          { text: String(cell.repeat) },
          { text: cell.scenario },
          { text: cell.contender.name },
          { text: cell.verdict, tone: tones[cell.verdict], badge: true },
          valueCell(
            cell.verdict === 'incorrect' ? undefined : cell.throughput?.settledPerSec,
            formatNumber,
            'withheld',
          ),
          { text: formatSeconds(cell.window.warmupSeconds) },
          { text: formatSeconds(cell.window.measuredSeconds) },
          { text: cell.window.kind },
          { text: [...cell.reasons, ...cell.notes].join('; ') || ABSENT },
        ],
      })),
    notes: [],
  };
}
