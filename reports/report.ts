// What is in a report before it is written down? Bundle, panels, findings and drawn charts, for all formats alike.

import type { RunResult } from '../harness/result/result.ts';
import type { Bundle } from './bundle.ts';
import { capacityHeadline } from './capacity/answer.ts';
import { questionWords } from './capacity/question-words.ts';
import type { Chart } from './charts/chart.ts';
import { chartsOf } from './charts/index.ts';
import { checkDocument } from './check/check.ts';
import type { CheckDocument } from './check/document.ts';
import { type FindingNote, findingsOf, overallVerdict, type Verdict } from './findings.ts';
import { isMicroOnly, microHeadline } from './micro.ts';
import { planFindings } from './plans.ts';
import { shellQuote } from './render/escape.ts';
import { formatCount, plural } from './render/format.ts';
import { drawChart, type Picture } from './render/svg.ts';
import { withoutFolder } from './rerun.ts';
import { placeOf, serversOf, versionsText } from './servers.ts';
import { type Panel, summarise } from './summary.ts';

export type DrawnChart = { readonly chart: Chart; readonly picture: Picture };

export type Report = {
  readonly bundle: Bundle;
  readonly panels: readonly Panel[];
  readonly verdict: Verdict;
  readonly findings: readonly FindingNote[];
  readonly charts: readonly DrawnChart[];
  /** Of a check against a base; absent in any other run. */
  readonly check?: CheckDocument;
};

/** Bundle → report; draws the charts one by one, since vega numbers its ids for the whole process. */
export async function composeReport(bundle: Bundle): Promise<Report> {
  // A search has dozens of scenarios of one cell each: they are shown as what they were measured for.
  const panels = bundle.result.capacity === undefined ? summarise(bundle.result, bundle.histograms) : [];
  const charts: DrawnChart[] = [];
  for (const chart of chartsOf(bundle, panels)) charts.push({ chart, picture: await drawChart(chart) });
  return {
    bundle,
    panels,
    verdict: overallVerdict(bundle.result),
    findings: [
      ...findingsOf(bundle.result, panels),
      ...panels.flatMap((panel) => planFindings(panel, bundle)),
    ],
    charts,
    ...(bundle.result.check?.base === undefined ? {} : { check: checkDocument(bundle) }),
  };
}

/** The heading: the question when there is one, else how many were put to how many. */
export function headline({ bundle: { result }, panels, check }: Report): string {
  if (check !== undefined) return check.headline;
  if (result.capacity !== undefined) return capacityHeadline(result);
  if (isMicroOnly(result)) return microHeadline(result);
  const names = result.cells.map(({ contender: { name } }) => placeOf(result, name)?.contender ?? name);
  const contenders = new Set(names).size;
  const scenarios = new Set(panels.map((panel) => panel.scenario)).size;
  const only = scenarios === 1 ? panels[0]?.question : undefined;
  const servers = serversOf(result.environment).length;
  const on = servers === 1 ? '' : ` on ${plural(servers, 'version')} of PostgreSQL`;
  return only || `${plural(scenarios, 'question')} to ${plural(contenders, 'contender')}${on}`;
}

/** The machine in one line. */
export function machineLine({ bundle: { result } }: Report): string {
  const { environment: e } = result;
  return `PostgreSQL ${versionsText(serversOf(e))} (${e.server.kind}) on ${e.cpuModel}, ${formatCount(e.cores)} cores, ${e.os} ${e.arch}${e.container ? ' in a container' : ''}`;
}

/**
 * The command lines that repeat the run, with its seed and without its folder, which is taken by now. Where another question was asked of
 * what had been measured: the one that measures, and the one that asks.
 */
export function commandLines({ bundle: { result } }: Pick<Report, 'bundle'>): string[] {
  const { plan, askedAfter } = result.capacity ?? {};
  if (plan === undefined || askedAfter !== true) return [measuringLine(result, [])];
  return [
    measuringLine(result, ['--out', MEASURED]),
    programLine('claimbench', ['plan', '--from', MEASURED, ...questionWords(plan.question)]),
  ];
}

/** Stands for the folder of a repeated measurement. */
const MEASURED = 'out/measured';

function measuringLine({ command, seed }: RunResult, further: readonly string[]): string {
  const kept = withoutFolder(command);
  const seeded = kept.some((word) => word === '--seed' || word.startsWith('--seed='));
  const words = [...kept, ...(seeded ? [] : ['--seed', String(seed)]), ...further];
  const [program, own] = words[0] === 'bench:micro' ? ['bench:micro', words.slice(1)] : ['claimbench', words];
  return programLine(program, own);
}

function programLine(program: string, words: readonly string[]): string {
  return `npm run --silent ${program} -- ${words.map(shellQuote).join(' ')}`;
}

/** What a panel is called: its scenario, and its class where there are several. */
export function panelName(panel: Panel): string {
  return panel.oneOfSeveral ? `${panel.scenario} · ${panel.contractClass}` : panel.scenario;
}
