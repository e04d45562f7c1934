// Is a trace read as it was written, and a wrong one refused at its line, with the mend?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UsageError } from '../harness/errors.ts';
import { randomStream } from '../stats/random.ts';
import { withDuration, withRate, withRateShare } from './adjust-scenario.ts';
import { loadScenario } from './scenarios.ts';
import { parseTrace, readTrace } from './trace.ts';

const SEED = 9;

function refusal(said: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, said);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}

function folderWith(t: TestContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-trace-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const scenario = (arrival: object, seconds = 10): string =>
  JSON.stringify({ name: 'mine', question: 'q?', phases: [{ label: 'a', seconds, arrival }] });

test('numbers and objects, in one file, empty lines passed over', () => {
  assert.deepEqual(
    parseTrace('0\n\n 1.5 \n{"at": 1.5, "priority": 7}\r\n{"at":2,"payloadBytes":99}\n', 't'),
    [{ at: 0 }, { at: 1.5 }, { at: 1.5, priority: 7 }, { at: 2, payloadBytes: 99 }],
  );
});

test('whatever is written is read back, for any trace that is sorted', () => {
  const random = randomStream(SEED, 'trace');
  for (let round = 0; round < 200; round += 1) {
    let at = 0;
    const jobs = Array.from({ length: 1 + Math.floor(random() * 30) }, () => {
      at += random() < 0.2 ? 0 : random();
      return { at, ...(random() < 0.5 ? { priority: Math.floor(random() * 100) - 50 } : {}) };
    });
    const text = jobs.map((job) => ('priority' in job ? JSON.stringify(job) : String(job.at))).join('\n');
    assert.deepEqual(parseTrace(text, 't'), jobs, `round ${round}, seed ${SEED}`);
  }
});

test('a wrong line is named, with what is wrong in it', () => {
  const refused = (text: string, said: RegExp): void =>
    assert.throws(() => parseTrace(text, 't.txt'), refusal(said));
  refused('1\n3\n\n2\n', /trace t\.txt, line 4: 2 s comes before the 3 s of line 2: sort the lines/);
  refused('1\nsoon\n', /line 2 is neither a number nor JSON: give seconds, or \{"at"/);
  refused('-1', /line 1: at: Too small/);
  refused('1\n{"at": 2, "prio": 1}', /line 2: unknown key prio/);
  refused('{"priority": 1}', /line 1: at: /);
  refused('{"at": 1, "payloadBytes": 5}', /line 1: payloadBytes: Too small/);
  refused('[1]', /line 1: /);
  refused('null', /line 1: /);
  refused('1e99', /line 1: at: Too big/);
  refused('\n\n', /trace t\.txt holds no jobs/);
});

test('a file that is not there is named as the scenario names it', async () => {
  await assert.rejects(
    readTrace('/nowhere/x.txt', './x.txt'),
    refusal(/trace \.\/x\.txt could not be read: ENOENT/),
  );
});

test('its path starts from the scenario’s file, and its jobs must fit in the phase', async (t) => {
  const folder = folderWith(t, {
    't.txt': '0.5\n9.5\n',
    'good.json': scenario({ model: 'trace', file: 't.txt' }),
    'short.json': scenario({ model: 'trace', file: 't.txt' }, 5),
    'fast.json': scenario({ model: 'trace', file: 't.txt', speed: 2 }, 5),
    'none.json': scenario({ model: 'trace' }),
    'both.json': scenario({ model: 'trace', file: 't.txt', jobs: [{ at: 1 }] }),
    'unsorted.json': scenario({ model: 'trace', jobs: [{ at: 2 }, { at: 1 }] }),
  });
  const loaded = await loadScenario(join(folder, 'good.json'));
  assert.deepEqual(loaded.phases[0]?.arrival, { model: 'trace', speed: 1, jobs: [{ at: 0.5 }, { at: 9.5 }] });
  await loadScenario(join(folder, 'fast.json'));
  const refused = (name: string, said: RegExp) =>
    assert.rejects(loadScenario(join(folder, name)), refusal(said));
  await refused(
    'short.json',
    /phase a: the last job of its trace is due after 9\.5 s, and the phase ends after 5 s/,
  );
  await refused('none.json', /give file, or jobs/);
  await refused('both.json', /give file, or jobs/);
  await refused('unsorted.json', /sort jobs by at/);
});

test('a trace has a rate and a length of its own, a closed loop has no rate', async (t) => {
  const folder = folderWith(t, {
    't.txt': '0.5\n',
    'trace.json': scenario({ model: 'trace', file: 't.txt' }),
    'closed.json': scenario({ model: 'closed', clients: 3 }),
  });
  const trace = await loadScenario(join(folder, 'trace.json'));
  const closed = await loadScenario(join(folder, 'closed.json'));
  assert.throws(
    () => withDuration(trace, 5),
    refusal(/--duration: phase a of mine replays a trace, .* speed/),
  );
  assert.throws(() => withRate(trace, 5), refusal(/--rate: phase a of mine replays a trace/));
  assert.throws(
    () => withRateShare(closed, 0.5, 'drain'),
    refusal(/--rate: phase a of mine is a closed loop, .*clients/),
  );
  assert.equal(withDuration(closed, 5).phases[0]?.seconds, 5);
});
