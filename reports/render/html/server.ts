// How is it shown what the server did: tables, and the plans of each contender folded away?

import type { Plan } from '../../../harness/result/result.ts';
import { type ContenderPlans, plansOf } from '../../plans.ts';
import type { Report } from '../../report.ts';
import type { Panel } from '../../summary.ts';
import { serverTables } from '../../tables/server.ts';
import { type Html, html, raw } from '../escape.ts';
import { formatCount, formatNumber, plural } from '../format.ts';
import { renderTable, seriesSwatch } from './table.ts';

/** Nothing where neither telemetry nor plans were kept. */
export function renderServer(panel: Panel, report: Report): Html {
  const tables = serverTables(panel);
  const plans = plansOf(panel, report.bundle);
  if (tables.length === 0 && plans.length === 0) return raw('');
  return html`<h3>Server</h3>
${tables.map((table) => html`${renderTable(table)}\n`)}${plans.map(renderPlans)}`;
}

function renderPlans({ series, plans, flips }: ContenderPlans): Html {
  const more = flips > 0 ? `, ${plural(flips, 'statement')} with more than one` : '';
  return html`<details class="plans"><summary>${seriesSwatch(series)}${series.label}: ${plural(plans.length, 'plan')} as they ran${more}</summary>
<p class="meta">One repeat, one plan per statement and shape, with the planner’s estimates. Plans for given values and the generic plan that may follow them are two shapes.</p>
${plans.map((plan, i) =>
  renderPlan(
    plan,
    plans.slice(0, i).every(({ query }) => query !== plan.query),
  ),
)}</details>\n`;
}

/** The statement in full stands with the first of its plans, where the heading has only its beginning. */
function renderPlan(plan: Plan, first: boolean): Html {
  const whole = first && plan.statement.endsWith('…');
  return html`<h5>${plan.role}: <code>${plan.statement}</code></h5>
<p class="meta">${seenLine(plan)}</p>
${whole ? html`<details><summary>The whole statement</summary><pre class="wrap">${plan.query}</pre></details>` : ''}<pre tabindex="0">${planLines(plan.plan)}</pre>
`;
}

/** A plan is a tree whose lines keep their places, and scroll; the settings under it are a list, and wrap. */
function planLines(plan: string): Html[] {
  return plan.split('\n').map((line, i) => {
    const text = line.startsWith('Settings: ') ? html`<span class="wrap">${line}</span>` : html`${line}`;
    return i === 0 ? text : html`\n${text}`;
  });
}

function seenLine(plan: Plan): string {
  const { how, seen, firstSeconds, lastSeconds } = plan;
  if (how === 'explained afterwards') {
    return 'Explained after the load in a session of the harness, as a generic plan: what ran may have been another.';
  }
  const at = (seconds: number | undefined) => formatNumber(Math.max(0, seconds ?? 0));
  return `Seen ${formatCount(seen)} times in a sample, from ${at(firstSeconds)} s to ${at(lastSeconds)} s.`;
}
