// What must a reader know before any figure? The overall verdict, and all that weakens it.

import type { RunResult } from '../harness/result/result.ts';
import { median } from '../stats/spread.ts';
import { capacityFindings, capacityVerdict } from './capacity/verdict.ts';
import { mismatchesOf } from './fairness.ts';
import { isMicroOnly, microFindings, microVerdict } from './micro.ts';
import { shortReasons } from './reasons.ts';
import { formatCount, formatNumber, plural } from './render/format.ts';
import { lossTexts, serversOf, settingsApart, settingsText, undurable, versionsText } from './servers.ts';
import type { Panel } from './summary.ts';
import { pinnedText } from './surroundings.ts';
import { containerCaveats } from './tables/container.ts';
import type { Tone } from './tables/table.ts';

export type Verdict = { readonly tone: Tone; readonly text: string };
export type FindingNote = { readonly tone: 'bad' | 'warn'; readonly title: string; readonly text: string };

/** One line on all cells: incorrect ones outweigh invalid ones. */
export function overallVerdict(result: RunResult): Verdict {
  const count = (verdict: string): number => result.cells.filter((cell) => cell.verdict === verdict).length;
  const [invalid, incorrect, all] = [count('invalid'), count('incorrect'), result.cells.length];
  if (result.capacity !== undefined) return capacityVerdict(result);
  if (isMicroOnly(result)) return microVerdict(result);
  if (all === 0) return { tone: 'warn', text: 'no cell finished' };
  const parts = [
    ...(incorrect > 0 ? [`${formatCount(incorrect)} of ${plural(all, 'cell')} INCORRECT`] : []),
    ...(invalid > 0
      ? [`${formatCount(invalid)} ${incorrect > 0 ? '' : `of ${plural(all, 'cell')} `}invalid`]
      : []),
  ];
  if (parts.length > 0) return { tone: incorrect > 0 ? 'bad' : 'warn', text: parts.join(', ') };
  return { tone: 'good', text: all === 1 ? 'the one cell is valid' : `all ${formatCount(all)} cells valid` };
}

/** Everything that weakens the figures, the gravest first. */
export function findingsOf(result: RunResult, panels: readonly Panel[]): FindingNote[] {
  const { environment } = result;
  const found: FindingNote[] = [];
  for (const panel of panels) {
    for (const row of panel.rows.filter((one) => one.incorrect.length > 0)) {
      const reasons = [...new Set(row.incorrect.flatMap((cell) => cell.reasons))].join('; ');
      found.push({
        tone: 'bad',
        title: `${row.series.label} is incorrect in ${panel.scenario}`,
        text: `${reasons || 'No reason given'}. Its figures are withheld.`,
      });
    }
  }
  const mismatches = panels.map(mismatchesOf);
  found.push(...mismatches.flat().filter((one) => one.tone === 'bad'));
  for (const { label } of undurable(environment)) {
    found.push({
      tone: 'bad',
      // In a sweep its label is its settings.
      title: `The server${label === undefined ? '' : ` ${result.capacity === undefined ? 'of PostgreSQL' : 'with'} ${label}`} is not durable`,
      text: 'fsync, synchronous_commit or full_page_writes was off, or its data folder lay in memory: a crash would have lost settled work. These figures are not comparable with those of a durable server.',
    });
  }
  for (const [title, text] of serversOf(environment).flatMap(containerCaveats)) {
    if (!found.some((one) => one.title === title && one.text === text))
      found.push({ tone: 'warn', title, text });
  }
  found.push(...microFindings(result));
  found.push(...incompleteFindings(result));
  found.push(...(result.capacity === undefined ? invalidFindings(result) : capacityFindings(result)));
  for (const [i, panel] of panels.entries()) {
    found.push(
      ...behindFindings(panel),
      ...trendFindings(panel),
      ...spreadFindings(panel),
      ...(mismatches[i] ?? []).filter((one) => one.tone === 'warn'),
      ...boundFindings(panel),
    );
  }
  const counts = panels.flatMap((panel) =>
    panel.rows.filter((row) => row.state === 'measured').map((row) => row.measured.length),
  );
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  if (fewest < 5) {
    const asked = Math.max(...result.cells.map((cell) => cell.repeat));
    const title =
      fewest < asked
        ? `Only ${formatCount(fewest)} of ${plural(asked, 'repeat')} valid${fewest < most ? ', for some' : ''}`
        : `${plural(fewest, 'repeat')} only`;
    found.push({
      tone: 'warn',
      title,
      text: 'The independent unit is the run: 5 valid repeats to look, 10 to claim. Small differences here are no result.',
    });
  }
  found.push(...settingsFindings(result));
  if (environment.sharedMachine) {
    found.push({
      tone: 'warn',
      title: 'Generator and server share a machine',
      text:
        environment.pinned === undefined
          ? 'They are not pinned apart, so they compete for CPU and cache; absolute rates would be others with machines of their own.'
          : `They are pinned apart (cores: ${pinnedText(environment.pinned)}), so neither takes the other's CPU time; they still share cache, memory and disk, and absolute rates would be others with machines of their own.`,
    });
  }
  return found;
}

/** Why cells are missing: the user stopped the run, or a server was lost. */
function incompleteFindings(result: RunResult): FindingNote[] {
  const lost = lossTexts(result);
  if (result.complete && lost.length === 0) return [];
  const why =
    lost.length === 0
      ? 'It was interrupted. The cells below are those that had finished; repeats may be missing.'
      : `${lost.join(' ')} What had finished, and the cells of other servers, are below.`;
  return [{ tone: 'warn', title: 'The run is incomplete', text: why }];
}

/** Versions of PostgreSQL that were not set alike: by default, or since one of them lacks a setting. */
function settingsFindings({ environment }: RunResult): FindingNote[] {
  const servers = serversOf(environment);
  const apart = settingsApart(servers);
  if (apart.length === 0) return [];
  return [
    {
      tone: 'warn',
      title: `PostgreSQL ${versionsText(servers)} differ in ${plural(apart.length, 'setting')} too`,
      text: `${settingsText(apart)}. A difference between versions is one of version and settings together.`,
    },
  ];
}

/** Why figures are missing, or rest on fewer repeats than were asked for. */
function invalidFindings({ cells }: RunResult): FindingNote[] {
  const invalid = cells.filter((cell) => cell.verdict === 'invalid');
  if (invalid.length === 0) return [];
  return [
    {
      tone: 'warn',
      title: `${formatCount(invalid.length)} of ${plural(cells.length, 'cell')} ${invalid.length === 1 ? 'is' : 'are'} invalid`,
      text: `${sentence(shortReasons(invalid.flatMap((cell) => cell.reasons)))} Invalid cells have no part in any figure.`,
    },
  ];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A queue that had not worked off what it was offered: its latencies are lower bounds. */
function behindFindings(panel: Panel): FindingNote[] {
  if (panel.drain) return [];
  return panel.rows.flatMap((row): FindingNote[] => {
    const waiting = row.measured.reduce((sum, cell) => sum + cell.jobs.inFlight + cell.jobs.retried, 0);
    if (waiting === 0) return [];
    return [
      {
        tone: 'warn',
        title: `${row.series.label} did not keep up in ${panel.scenario}`,
        text: `${plural(waiting, 'job')} of all repeats were unsettled at the end and count with their age: its pickup and response are lower bounds.`,
      },
    ];
  });
}

const WIDE_SPREAD = 1.5;

/** Repeats of a drain that differ by half say more of the machine, or of chance, than of the contender. */
function spreadFindings(panel: Panel): FindingNote[] {
  if (!panel.drain) return [];
  return panel.rows.flatMap((row): FindingNote[] => {
    if (row.settledPerSec.kind !== 'measured') return [];
    const { min, max } = row.settledPerSec.spread;
    if (max <= min * WIDE_SPREAD) return [];
    return [
      {
        tone: 'warn',
        title: `${row.series.label} varies widely in ${panel.scenario}`,
        text: `From ${formatNumber(min)} to ${formatNumber(max)} jobs/s between repeats: something else used the machine, or chance did. Close other programs and run more repeats.`,
      },
    ];
  });
}

const STEADY_TREND = { from: 0.85, to: 1.18 };

/** A drain whose rate still moved: what it reached is not what it would keep up. */
function trendFindings(panel: Panel): FindingNote[] {
  return panel.rows.flatMap((row): FindingNote[] => {
    const trends = row.measured.flatMap((cell) => cell.throughput?.lastToFirstThird ?? []);
    const trend = median(trends);
    if (trend === undefined || (trend >= STEADY_TREND.from && trend <= STEADY_TREND.to)) return [];
    const moved = `${trend < 1 ? 'fell' : 'rose'} by ${formatNumber(Math.abs(1 - trend) * 100)} %`;
    return [
      {
        tone: 'warn',
        title: `${row.series.label} had no lasting rate in ${panel.scenario}`,
        text: `From the first to the last third of the window its jobs/s ${moved} (median of repeats): a longer drain (--duration) will show another rate.`,
      },
    ];
  });
}

function boundFindings(panel: Panel): FindingNote[] {
  const bound = panel.rows.filter((row) => row.measured.some((cell) => cell.generator.generatorBound));
  if (bound.length === 0) return [];
  return [
    {
      tone: 'warn',
      title: `Perhaps generator-bound in ${panel.scenario}: ${bound.map((row) => row.series.label).join(', ')}`,
      text: 'Measured above a fifth of what the harness records without a database, or with a worker agent that fills its core: the generator may be the limit.',
    },
  ];
}
