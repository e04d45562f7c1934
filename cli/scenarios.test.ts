// Is the scenario that was asked for the one that runs, and a wrong one refused at the word that is wrong?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UsageError } from '../harness/errors.ts';
import { ratesOf } from '../scenarios/arrival.ts';
import { BUILT_IN_SCENARIOS, SUITES } from '../scenarios/index.ts';
import {
  arrivalsOf,
  type ScenarioInput,
  scenarioSchema,
  scheduledFaults,
  totalSeconds,
} from '../scenarios/scenario.ts';
import { withDuration, withRate, withRateShare } from './adjust-scenario.ts';
import { findSuite, loadScenario, parseScenario } from './scenarios.ts';

const arrival = { model: 'poisson', ratePerSec: 5 } as const;
const GOOD: ScenarioInput = {
  name: 'mine',
  question: 'Does it work?',
  phases: [{ label: 'a', seconds: 1, arrival }],
};

function isRefusal(error: unknown, said: RegExp): true {
  assert.ok(error instanceof UsageError, String(error));
  assert.match(error.message, said);
  assert.doesNotMatch(error.message, /\n/);
  return true;
}

function refused(over: object, said: RegExp): void {
  assert.throws(
    () => parseScenario({ ...GOOD, ...over }, 'my.json'),
    (error) => isRefusal(error, said),
    JSON.stringify(over),
  );
}

const phase = (over: object) => ({ phases: [{ label: 'a', seconds: 1, arrival, ...over }] });

test('an unknown key is named with its place and the nearest right one, at every depth', () => {
  refused({ leaseMS: 5 }, /^scenario my\.json: unknown key leaseMS; did you mean leaseMs\?$/);
  refused({ zzz: 5 }, /unknown key zzz; there are: name, question, /);
  refused(phase({ secnds: 5 }), /unknown key phases\.0\.secnds; did you mean seconds\?/);
  refused(
    { job: { handler: { time: 'constant', mss: 1 } } },
    /unknown key job\.handler\.mss; did you mean ms\?/,
  );
  refused(
    phase({ arrival: { ...arrival, modl: 1 } }),
    /unknown key phases\.0\.arrival\.modl; did you mean model\?/,
  );
  refused(
    phase({ faults: [{ fault: 'stall-worker', forSecond: 1 }] }),
    /unknown key phases\.0\.faults\.0\.forSecond; did you mean forSeconds\?/,
  );
});

test('a misspelt key that is required is named as it was written, not as missing', () => {
  refused(
    { producers: { agents: 1, connection: 2 } },
    /unknown key producers\.connection; did you mean connections\?/,
  );
  refused(
    phase({ faults: [{ fault: 'failing-handlers', shre: 1 }] }),
    /unknown key phases\.0\.faults\.0\.shre; did you mean share\?/,
  );
  refused(
    phase({ arrival: { model: 'poisson', ratePersec: 1 } }),
    /unknown key phases\.0\.arrival\.ratePersec; did you mean ratePerSec\?/,
  );
  refused(
    phase({ arrival: { ...arrival, ratePerSec: { shre: 0.7, of: 'drain' } } }),
    /unknown key phases\.0\.arrival\.ratePerSec\.shre; did you mean share\?/,
  );
});

test('a wrong value is named with its place', () => {
  refused({ leaseMs: 'long' }, /leaseMs: must be a number, and is the text 'long'$/);
  refused({ phases: undefined }, /phases is missing: give it a list$/);
  refused(phase({ faults: ['held-xmin'] }), /faults\.0: must be an object .*the text 'held-xmin'$/);
  refused(phase({ faults: [{}] }), /faults\.0\.fault is missing; there are: kill-worker, /);
  refused(phase({ arrival: { model: 'poisson' } }), /ratePerSec is missing: give it a number, /);
  refused({ job: { handler: { time: 'exponential', ms: 4 } } }, /job\.handler\.ms; there are: time, meanMs$/);
  refused({ serverNeeds: { max_conections: 5 } }, /did you mean max_connections\?$/);
  refused({ leaseMs: 5 }, /leaseMs: Too small/);
  refused(phase({ seconds: 0 }), /phases\.0\.seconds: /);
  refused(
    phase({ arrival: { ...arrival, model: 'poison' } }),
    /phases\.0\.arrival\.model: there is no poison; did you mean poisson\?/,
  );
  refused(phase({ arrival: { ...arrival, ratePerSec: -5 } }), /phases\.0\.arrival\.ratePerSec: Too small/);
  refused(
    phase({ arrival: { ...arrival, ratePerSec: 'fast' } }),
    /phases\.0\.arrival\.ratePerSec: must be jobs per second, or a share such as 0\.7 of drain/,
  );
  refused(
    phase({ faults: [{ fault: 'kill-workers' }] }),
    /phases\.0\.faults\.0\.fault: there is no kill-workers; did you mean kill-worker\?/,
  );
  refused({ name: 'Has Spaces' }, /name: must be lower-case/);
  refused({ phases: [] }, /phases: /);
  for (const data of [null, 5, [], 'x', undefined])
    assert.throws(
      () => parseScenario(data, 'my.json'),
      (error) => isRefusal(error, /must be an object of keys and values, and is /),
    );
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-scenario-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('names come out of the registry, files from where they lie', async (t) => {
  for (const { name } of BUILT_IN_SCENARIOS) assert.equal((await loadScenario(name)).name, name);
  const at = folder(t);
  writeFileSync(join(at, 'a.json'), JSON.stringify(GOOD));
  writeFileSync(join(at, 'a.mjs'), `export default ${JSON.stringify(GOOD)};`);
  const expected = scenarioSchema.parse(GOOD);
  assert.deepEqual(await loadScenario(join(at, 'a.json')), expected);
  assert.deepEqual(await loadScenario(join(at, 'a.mjs')), expected);
});

test('YAML says the same as JSON, and $schema is for editors', async (t) => {
  const at = folder(t);
  const path = join(at, 'mine.yaml');
  const text = `# yaml-language-server: $schema=scenario.schema.json
$schema: scenario.schema.json
name: mine
question: Does it work?
phases:
  - label: held
    seconds: 2
    arrival: { model: poisson, ratePerSec: 0.7 of drain }
    faults:
      - { fault: held-xmin, kind: writer }
`;
  writeFileSync(path, text);
  const [held] = (await loadScenario(path)).phases;
  assert.deepEqual(held?.arrival, { model: 'poisson', ratePerSec: { share: 0.7, of: 'drain' } });
  assert.equal(held?.faults[0]?.fault, 'held-xmin');
  writeFileSync(path, text.replace('held-xmin', 'held-xmi'));
  await assert.rejects(loadScenario(path), (error) =>
    isRefusal(
      error,
      /mine\.yaml: phases\.0\.faults\.0\.fault: there is no held-xmi; did you mean held-xmin\?/,
    ),
  );
  writeFileSync(path, 'name: [');
  await assert.rejects(loadScenario(path), (error) => isRefusal(error, /mine\.yaml could not be read: /));
});

test('the short form replaces key by key, is checked with the long one, and must be there to be asked for', async () => {
  const smoke = { phases: [{ label: 'a', seconds: 0.5, arrival }], warmupSeconds: 0 };
  const short = parseScenario({ ...GOOD, leaseMs: 700, smoke }, 'my.json', 'smoke');
  assert.deepEqual([totalSeconds(short), short.leaseMs, 'smoke' in short], [0.5, 700, false]);
  assert.equal(totalSeconds(parseScenario({ ...GOOD, smoke }, 'my.json')), 1);
  refused(
    { smoke: { leaseMS: 5 } },
    /^scenario my\.json, smoke: unknown key leaseMS; did you mean leaseMs\?$/,
  );
  refused({ smoke: { leaseMs: 5 } }, /^scenario my\.json, smoke: leaseMs: Too small/);
  assert.throws(
    () => parseScenario(GOOD, 'my.json', 'smoke'),
    (error) => isRefusal(error, /has no form for --scale smoke: give it smoke: /),
  );
});

test('a name that does not exist, and a file that cannot be used, are told in one line', async (t) => {
  const at = folder(t);
  const write = (name: string, text: string): string => {
    writeFileSync(join(at, name), text);
    return join(at, name);
  };
  for (const [reference, said] of [
    ['drian', /there is no scenario drian; did you mean drain\?/],
    [join(at, 'nowhere.json'), /nowhere\.json does not exist/],
    [write('half.json', '{"name":'), /half\.json could not be read: .*JSON/],
    [write('throws.mjs', 'throw new Error("no\\nway")'), /throws\.mjs could not be read: no way$/],
    [write('null.mjs', 'throw null'), /null\.mjs could not be read: null$/],
    [write('empty.mjs', 'export const x = 1'), /empty\.mjs has no default export/],
    [write('wrong.mjs', 'export default { nme: "x" }'), /unknown key nme; did you mean name\?/],
    [at, /is no scenario file: give a \.ts, .* or \.json file$/],
    [write('notes.txt', 'x'), /notes\.txt is no scenario file/],
    [
      write('tabs.yaml', 'name: x\nphases:\n\t- a'),
      /: line 3, column 1: Tabs are not allowed as indentation$/,
    ],
    [write('two.yaml', 'a: 1\n---\na: 2'), /it holds several documents: leave one/],
    [write('tag.yaml', 'name: !mine x'), /: line 1, column 7: Unresolved tag: !mine$/],
    [write('none.yaml', ''), /must be an object of keys and values, and is empty$/],
  ] as const)
    await assert.rejects(loadScenario(reference), (error) => isRefusal(error, said), reference);
});

test('what an expectation is about must be there, a network fault slow something, a short form keep its name', () => {
  const faults = [{ fault: 'held-xmin' }];
  refused({ expect: ['regained < 5 s'] }, /is about recovery, and no phase has a fault$/);
  refused({ expect: ['bystander.p99 < 5 ms'] }, /there is none: give the scenario neighbours\.bystander$/);
  refused({ ...phase({ faults }), expect: ['lost <= http.timeouts'] }, /give the scenario producers\.http$/);
  refused(phase({ faults: [{ fault: 'slow-network' }] }), /slows nothing: give it delayMs, jitterMs or /);
  refused({ smoke: { name: 'other' } }, /, smoke: name stays as it is: leave it out$/);
  parseScenario({ ...GOOD, producers: { http: {} }, expect: ['http.accepted.p50 < 5 ms'] }, 'my.json');
});

test('a byte order mark is no part of a file', async (t) => {
  const path = join(folder(t), 'mine.json');
  writeFileSync(path, `\uFEFF${JSON.stringify(GOOD)}`);
  assert.equal((await loadScenario(path)).name, 'mine');
});

test('a suite by its name', () => {
  for (const suite of SUITES) assert.equal(findSuite(suite.name), suite);
  assert.throws(
    () => findSuite('bnch'),
    (error) => isRefusal(error, /no suite bnch; did you mean bench\?/),
  );
});

const TIMED = scenarioSchema.parse({
  ...GOOD,
  preload: { ready: 100 },
  warmupSeconds: 2,
  settleWithinSeconds: 9,
  phases: [
    { label: 'a', seconds: 4, arrival },
    {
      label: 'b',
      seconds: 6,
      arrival: { model: 'uniform', ratePerSec: 20 },
      faults: [{ fault: 'stall-worker', afterSeconds: 2, forSeconds: 3 }],
    },
    { label: 'c', seconds: 2 },
  ],
});

test('another duration keeps the proportions of the phases and the places of the faults', () => {
  for (const seconds of [1, 6, 12, 24, 60]) {
    const found = withDuration(TIMED, seconds);
    const close = (got: number, wanted: number): void =>
      assert.ok(Math.abs(got - wanted) < 1e-9, `${got}, not ${wanted}, at ${seconds} s`);
    close(totalSeconds(found), seconds);
    for (const [i, p] of found.phases.entries())
      close(p.seconds / seconds, (TIMED.phases[i]?.seconds ?? 0) / 12);
    close((scheduledFaults(found)[0]?.atSeconds ?? 0) / seconds, 0.5);
    assert.ok(found.warmupSeconds <= Math.min(2, seconds / 4));
    assert.equal(found.preload.ready, seconds > 12 ? (100 * seconds) / 12 : 100, 'more time needs more jobs');
    assert.deepEqual(
      found.phases.map((p) => p.arrival),
      TIMED.phases.map((p) => p.arrival),
    );
    scenarioSchema.parse(found);
  }
});

test('another duration stretches what is held open, and leaves a stall to the lease', () => {
  const scenario = scenarioSchema.parse({
    ...GOOD,
    phases: [
      {
        ...{ label: 'a', seconds: 10, arrival },
        faults: [
          { fault: 'held-xmin', afterSeconds: 2, forSeconds: 4 },
          { fault: 'late-commit', afterSeconds: 5, forSeconds: 5 },
          { fault: 'stall-worker', afterSeconds: 1, forSeconds: 3 },
          { fault: 'abandon-slot', afterSeconds: 9 },
        ],
      },
    ],
  });
  assert.deepEqual(withDuration(scenario, 5).phases[0]?.faults, [
    { fault: 'held-xmin', afterSeconds: 1, forSeconds: 2, kind: 'reader', eachSeconds: 3 },
    { fault: 'late-commit', afterSeconds: 2.5, forSeconds: 2.5 },
    { fault: 'stall-worker', afterSeconds: 0.5, forSeconds: 3 },
    { fault: 'abandon-slot', afterSeconds: 4.5 },
  ]);
});

test('another rate goes to the highest phase, and the others keep their proportion to it', () => {
  const found = withRate(TIMED, 1_000);
  assert.deepEqual(
    found.phases.map((p) => p.arrival),
    [{ model: 'poisson', ratePerSec: 250 }, { model: 'uniform', ratePerSec: 1_000 }, undefined],
  );
  const shares = withRateShare(TIMED, 0.7, 'drain');
  assert.deepEqual(arrivalsOf(shares).flatMap(ratesOf), [
    { share: 0.7, of: 'drain' },
    { share: 0.7, of: 'drain' },
  ]);
  assert.deepEqual(arrivalsOf(withRate(shares, 30)).flatMap(ratesOf), [30, 30]);
});

const ofModel = (arrival: object): ReturnType<typeof parseScenario> =>
  parseScenario({ ...GOOD, ...phase({ seconds: 10, arrival }) }, 'my.json');
const ratesAt = (arrival: object, ratePerSec: number): unknown =>
  arrivalsOf(withRate(ofModel(arrival), ratePerSec)).flatMap(ratesOf);

test('another rate goes to the highest of a ramp or of steps, and to the mean of a burst', () => {
  assert.deepEqual(ratesAt({ model: 'ramp', fromPerSec: 0, toPerSec: 50 }, 200), [0, 200]);
  assert.deepEqual(ratesAt({ model: 'ramp', fromPerSec: 100, toPerSec: 50 }, 200), [200, 100]);
  const steps = [{ ratePerSec: 10 }, { ratePerSec: 40 }];
  assert.deepEqual(ratesAt({ model: 'steps', steps }, 80), [20, 80]);
  assert.deepEqual(ratesAt({ model: 'burst', jobs: 100, everySeconds: 2 }, 25), [25]);
  const shared = withRateShare(ofModel({ model: 'ramp', fromPerSec: 25, toPerSec: 50 }), 0.8, 'drain');
  assert.deepEqual(arrivalsOf(shared).flatMap(ratesOf), [
    { share: 0.4, of: 'drain' },
    { share: 0.8, of: 'drain' },
  ]);
});

test('another duration stretches steps of their own length with their phase', () => {
  const steps = [
    { ratePerSec: 1, seconds: 4 },
    { ratePerSec: 9, seconds: 1 },
  ];
  const [found] = arrivalsOf(withDuration(ofModel({ model: 'steps', steps }), 20));
  assert.ok(found?.model === 'steps');
  assert.deepEqual(
    found.steps.map((step) => step.seconds),
    [8, 2],
  );
  assert.throws(
    () => withDuration(ofModel({ model: 'burst', jobs: 5, everySeconds: 8 }), 2),
    (error) => isRefusal(error, /phase a: its first clump is due after 4 s, and the phase ends after 2 s/),
  );
});

test('a key of another model is unknown, and the nearest one of the model that was written is named', () => {
  refused(
    phase({ arrival: { model: 'ramp', fromPerSec: 1, toPerSec: 2, ratePerSec: 5 } }),
    /unknown key phases\.0\.arrival\.ratePerSec; did you mean toPerSec\?/,
  );
  refused(
    phase({ arrival: { model: 'closed', clients: 2, thinkMS: 5 } }),
    /unknown key phases\.0\.arrival\.thinkMS; did you mean thinkMs\?/,
  );
  refused(
    phase({ arrival: { model: 'steps', steps: [{ ratePerSec: 1, secnds: 2 }] } }),
    /unknown key phases\.0\.arrival\.steps\.0\.secnds; did you mean seconds\?/,
  );
});

test('arrivals that cannot be are refused with the mend', () => {
  const arrives = (model: object, said: RegExp): void => refused(phase({ arrival: model }), said);
  arrives({ model: 'ramp', fromPerSec: 0, toPerSec: 0 }, /from 0 to 0 offers no jobs/);
  arrives({ model: 'steps', steps: [{ ratePerSec: 0 }] }, /offer no jobs/);
  arrives({ model: 'steps', steps: [] }, /phases\.0\.arrival\.steps: /);
  arrives(
    { model: 'steps', steps: [{ ratePerSec: 1, seconds: 1 }, { ratePerSec: 2 }] },
    /every step, or to none/,
  );
  arrives(
    { model: 'steps', steps: [{ ratePerSec: 1, seconds: 3 }] },
    /its steps last 3 s, and the phase 1 s/,
  );
  arrives({ model: 'burst', jobs: 5 }, /give everySeconds, or ratePerSec/);
  arrives({ model: 'burst', jobs: 5, everySeconds: 0.1, ratePerSec: 5 }, /and not both/);
  arrives({ model: 'closed' }, /phases\.0\.arrival\.clients is missing: give it a number$/);
  refused(
    {
      phases: [
        { label: 'a', seconds: 1, arrival },
        { label: 'b', seconds: 1, arrival: { model: 'closed', clients: 2 } },
      ],
    },
    /mixes a closed loop with a schedule: make two scenarios/,
  );
  refused({ job: { delays: [-1] } }, /job\.delays\.0: /);
  refused({ job: { delays: [] } }, /job\.delays: /);
});
