// What does each operation of a queue cost by itself, and each part of the harness?
//
// `npm run bench:micro [-- --strategy NAME] [--driver NAME] [--op NAME] [--depth N] [--seconds-per-row S] [--smoke] [--out DIR]`.
// Ends with 4 when a row is void. On an otherwise idle machine.

import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { EXIT, reportError } from '../cli/exit.ts';
import { handleInterruption, interruption } from '../cli/interruption.ts';
import { openPlace } from '../cli/place.ts';
import { METHOD_VERSION, type RunResult, SCHEMA_VERSION } from '../harness/result/result.ts';
import { BundleWriter } from '../harness/run/bundle.ts';
import { parsePinWish } from '../harness/run/pinning.ts';
import { openScratch } from '../harness/run/scratch.ts';
import { bundleTable, renderBundle } from '../reports/index.ts';
import { measureMicro } from './micro/measure.ts';
import { type MicroWords, readWords } from './micro/options.ts';

try {
  const words = readWords(process.argv.slice(2));
  process.exitCode = words === undefined ? EXIT.ok : await run(words);
} catch (error) {
  process.exitCode = interruption.aborted ? EXIT.interrupted : reportError(error);
}

async function run(words: MicroWords): Promise<number> {
  const { seed } = words;
  const beganMs = performance.now();
  const say = (line: string): void => {
    const seconds = Math.round((performance.now() - beganMs) / 1000);
    process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
  };
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19);
  handleInterruption();
  using bundle = new BundleWriter(resolve(words.out ?? `out/micro-${stamp}`));
  await using place = await openPlace({
    server: 'embedded',
    pin: parsePinWish('auto'),
    producerPriority: 'normal',
  });
  await using scratch = await openScratch();
  const { server } = place.servers[0];
  process.stderr.write(
    `bench:micro: ${server.description}${place.pinnedText}; seed ${seed}; bundle ${bundle.directory}\n`,
  );
  let result = await emptyResult(words, () => place.environment(undefined, {}));
  await measureMicro({
    ...words,
    server,
    folder: scratch.path,
    signal: interruption,
    say,
    onRound(micro) {
      result = { ...result, micro: [...micro], finishedAt: new Date().toISOString() };
      bundle.save(result);
    },
  });
  if (result.micro === undefined) {
    process.stderr.write('bench:micro: no round had ended, so there is no bundle\n');
    return EXIT.interrupted;
  }
  const environment = interruption.aborted ? result.environment : await place.environment(undefined, {});
  bundle.save({ ...result, environment, complete: !interruption.aborted });
  const rendered = await renderBundle(bundle.directory);
  const table = await bundleTable(bundle.directory, { colour: false, width: process.stdout.columns ?? 100 });
  process.stdout.write(`${table}\n\nReport: ${rendered.html}\n`);
  if (interruption.aborted) return EXIT.interrupted;
  return result.micro.some(({ state }) => state === 'void') ? EXIT.invalid : EXIT.ok;
}

/** Without a cell: no scenario is run. */
async function emptyResult(
  { seed }: MicroWords,
  environment: () => Promise<RunResult['environment']>,
): Promise<RunResult> {
  const now = new Date().toISOString();
  return {
    schemaVersion: SCHEMA_VERSION,
    methodVersion: METHOD_VERSION,
    runId: randomUUID(),
    seed,
    startedAt: now,
    finishedAt: now,
    command: ['bench:micro', ...process.argv.slice(2)],
    complete: false,
    environment: await environment(),
    contenders: [],
    scenarios: [],
    cells: [],
    comparisons: [],
  };
}
