// How does a test read what a scraper is given? A strict reader of both formats, as far as claimbench uses them.

import assert from 'node:assert/strict';

export interface Exposed {
  /** By family: its type and help, as written. */
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  readonly samples: readonly ExposedSample[];
}

export interface ExposedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Name and labels in a fixed order: the series. */
  readonly series: string;
}

const SAMPLE = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i;
const LABEL = /([a-z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/giy;
const SUFFIXES = {
  prometheus: { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] },
  openmetrics: { counter: ['_total'], gauge: [''], histogram: ['_bucket', '_sum', '_count'] },
} as const;

/** Fails a test on anything that the format does not allow: order, suffixes, doubled series, buckets that fall. */
export function readExposition(text: string, format: keyof typeof SUFFIXES): Exposed {
  const families = new Map<string, { type: string; help: string }>();
  const samples: ExposedSample[] = [];
  const seen = new Set<string>();
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const lines = text.slice(0, -1).split('\n');
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF');
  let family = '';
  for (const line of lines) {
    if (line === '' && format === 'prometheus') continue;
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (what === 'HELP') {
      assert.ok(!families.has(name), `family ${name} is written twice`);
      families.set(name, { type: '', help: rest });
      family = name;
    } else if (what === 'TYPE') {
      assert.equal(name, family, 'TYPE follows HELP');
      families.set(name, { type: rest, help: families.get(name)?.help ?? '' });
    } else {
      const sample = readSample(line);
      const type = families.get(family)?.type ?? '';
      assert.ok(type === 'counter' || type === 'gauge' || type === 'histogram', `${family} is a ${type}`);
      const allowed = SUFFIXES[format][type].map((suffix) => `${family}${suffix}`);
      assert.ok(allowed.includes(sample.name), `${sample.name} stands below ${family}, a ${type}`);
      assert.ok(!seen.has(sample.series), `${sample.series} is written twice`);
      seen.add(sample.series);
      samples.push(sample);
    }
  }
  checkHistograms(families, samples);
  return { families, samples };
}

function readSample(line: string): ExposedSample {
  const [, name, inside = '', written] = SAMPLE.exec(line) ?? [];
  assert.ok(name !== undefined && written !== undefined, `no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < inside.length; at = LABEL.lastIndex) {
    const [, label = '', value = ''] = LABEL.exec(inside) ?? assert.fail(`no labels: ${line}`);
    assert.ok(!(label in labels), `label ${label} twice: ${line}`);
    labels[label] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
  }
  const value = Number(written);
  assert.ok(Number.isFinite(value) && value >= 0, line);
  return { name, labels, value, series: name + JSON.stringify(Object.entries(labels).sort()) };
}

function checkHistograms(families: Exposed['families'], samples: readonly ExposedSample[]): void {
  for (const [name, { type }] of families) {
    if (type !== 'histogram') continue;
    for (const count of samples.filter((s) => s.name === `${name}_count`)) {
      const own = (s: ExposedSample) =>
        Object.entries(count.labels).every(([label, value]) => s.labels[label] === value);
      const buckets = samples.filter((s) => s.name === `${name}_bucket` && own(s));
      const bounds = buckets.map((b) => (b.labels['le'] === '+Inf' ? Infinity : Number(b.labels['le'])));
      assert.deepEqual(
        bounds,
        [...bounds].sort((x, y) => x - y),
        `${name}: bounds ascend`,
      );
      assert.equal(bounds.at(-1), Infinity);
      for (const [i, bucket] of buckets.entries())
        assert.ok(bucket.value >= (buckets[i - 1]?.value ?? 0), `${bucket.series} falls`);
      assert.equal(buckets.at(-1)?.value, count.value, `${name}: the last bucket holds all`);
      assert.equal(samples.filter((s) => s.name === `${name}_sum` && own(s)).length, 1);
    }
  }
}
