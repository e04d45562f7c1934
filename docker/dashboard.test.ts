// Does the dashboard ask only for what claimbench serves, of the source that is provisioned, and does Prometheus understand it?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { z } from 'zod';

import { METRICS } from '../harness/metrics/names.ts';
import { dockerMissing } from '../testing/docker.ts';
import { STACK_IMAGES } from '../testing/stack.ts';
import { docker } from './stand-in/engine.ts';

/** What a run with --metrics serves, as queries name it, and its labels. What was built is no matter for a chart. */
const SERVED: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.values(METRICS)
    .filter(({ name }) => name !== METRICS.build.name)
    .map(({ name, type, labels }) =>
      type === 'histogram' ? [`${name}_bucket`, [...labels, 'le']] : [name, labels],
    ),
);

const source = z.object({ type: z.literal('prometheus'), uid: z.string() });
const dashboardSchema = z.object({
  uid: z.literal('claimbench'),
  panels: z.array(
    z.object({
      id: z.number(),
      title: z.string().min(1),
      datasource: source,
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.object({ expr: z.string(), legendFormat: z.string(), datasource: source })).min(1),
    }),
  ),
});
const file = path.join(import.meta.dirname, 'grafana/dashboards/claimbench.json');
const dashboard = dashboardSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
const targets = dashboard.panels.flatMap((panel) =>
  panel.targets.map((target) => ({ ...target, panel: panel.title })),
);

test('each metric of the dashboard is one that a run serves, and each of those is shown', () => {
  const named = new Set(targets.flatMap(({ expr }) => expr.match(/\bclaimbench_\w+/g) ?? []));
  assert.deepEqual([...named].sort(), Object.keys(SERVED).sort());
});

test('a query groups by labels that its metric has, and a legend shows those that are left', () => {
  for (const { expr, legendFormat, panel } of targets) {
    const [metric = ''] = /\bclaimbench_\w+/.exec(expr) ?? [];
    const has = new Set(SERVED[metric]);
    const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
    for (const label of grouped ?? []) assert.ok(has.has(label), `${panel}: ${metric} has no label ${label}`);
    const left = /\bsum\(/.test(expr) ? new Set<string>() : new Set(grouped ?? has);
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      assert.ok(left.has(label), `${panel}: no label ${label} is left of ${expr}`);
    }
  }
});

test('panels read from the source that is provisioned, and lie beside each other', () => {
  const provisioned = readFileSync(
    path.join(import.meta.dirname, 'grafana/provisioning/datasources/prometheus.yaml'),
    'utf8',
  );
  const uid = /uid: (\S+)/.exec(provisioned)?.[1];
  for (const panel of [...dashboard.panels, ...targets]) assert.equal(panel.datasource.uid, uid);
  assert.equal(new Set(dashboard.panels.map((panel) => panel.id)).size, dashboard.panels.length);
  const taken = new Set<string>();
  for (const { gridPos, title } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(x < 24 && !taken.has(`${x},${y}`), `${title} lies on another panel, or outside`);
        taken.add(`${x},${y}`);
      }
    }
  }
});

test('Prometheus can read its configuration and every query of the dashboard', {
  skip: dockerMissing(STACK_IMAGES.prometheus) ?? false,
}, () => {
  const rules = targets.map(({ expr }, index) => ({
    record: `claimbench:query_${index}`,
    expr: expr.replaceAll('$scenario', '.*').replaceAll('$contender', '.*'),
  }));
  const promtool = ['run', '--rm', '--interactive', '--network', 'none', '--entrypoint', 'promtool'];
  // A file of YAML may be one of JSON.
  const said = docker([...promtool, STACK_IMAGES.prometheus, 'check', 'rules', '/dev/stdin'], {
    input: JSON.stringify({ groups: [{ name: 'dashboard', rules }] }),
  });
  assert.match(said, new RegExp(`SUCCESS: ${targets.length} rules found`));
  const configuration = readFileSync(path.join(import.meta.dirname, 'prometheus/prometheus.yml'), 'utf8');
  docker([...promtool, STACK_IMAGES.prometheus, 'check', 'config', '/dev/stdin'], { input: configuration });
});
