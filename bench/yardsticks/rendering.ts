// How long does a report of a hundred cells take?

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BUNDLE, type Cell } from '../../harness/result/result.ts';
import { writeFixture } from '../../reports/testing-fixture.ts';
import { STANDARD } from '../../reports/testing-fixture-data.ts';
import type { Yardstick } from '../yardstick.ts';

const REPEATS = 5;
const CELLS = 100;
const TARGET_SECONDS = 10;
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export const rendering: Yardstick = {
  name: 'rendering',
  question: 'how long does the report of a large run take?',
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), 'claimbench-rendering-'));
    try {
      const cells = await writeBundle(folder);
      if (cells.length !== CELLS) throw new Error(`${cells.length} cells were made`);
      const startMs = performance.now();
      await promisify(execFile)(process.execPath, [MAIN, 'report', folder], {
        signal: bench.signal,
      });
      return [
        {
          what: `claimbench report of ${CELLS} cells`,
          value: (performance.now() - startMs) / 1000,
          unit: 's',
          target: { atMost: TARGET_SECONDS },
          note: 'the whole command: start, HTML, Markdown, charts',
        },
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** Five scenarios, four contenders, five repeats, each cell with all five latencies. */
async function writeBundle(folder: string): Promise<readonly Cell[]> {
  const variants = STANDARD.scenarios.slice(1).map((one) => ({ ...one, name: `${one.name}-again` }));
  const { cells } = await writeFixture(folder, {
    scenarios: [...STANDARD.scenarios, ...variants],
    repeats: REPEATS,
    amend: withAllLatencies,
  });
  for (const { id } of cells) {
    const file = join(folder, BUNDLE.histograms, `${id}.hlog`);
    const log = readFileSync(file, 'utf8');
    const response = log.split('\n').filter((line) => line.startsWith('Tag=response,'));
    const others = ['service', 'enqueue', 'generatorLag'].flatMap((tag) =>
      response.map((line) => line.replace('Tag=response,', `Tag=${tag},`)),
    );
    writeFileSync(file, `${log}${others.join('\n')}\n`);
  }
  return cells;
}

function withAllLatencies(cell: Cell): Cell {
  const response = cell.latencyUs?.response;
  if (response === undefined) return cell;
  return {
    ...cell,
    latencyUs: { ...cell.latencyUs, service: response, enqueue: response, generatorLag: response },
  };
}
