// Are the files for forges sound: YAML, actions that are pinned, no value inside a script, and words that the command line takes?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { temporaryFolder } from '../testing/command.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const FILES = [
  'action.yml',
  '.github/workflows/ci.yml',
  'cli/templates/github.yml',
  'cli/templates/gitlab.yml',
  'examples/ci/gitlab-ci.yml',
];

const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

const stepSchema = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.union([z.string(), z.boolean()])).optional(),
  env: z.record(z.string(), z.string()).optional(),
});
const actionSchema = z.looseObject({
  inputs: z.record(z.string(), z.strictObject({ description: z.string(), default: z.string() })),
  runs: z.looseObject({ using: z.literal('composite'), steps: z.array(stepSchema) }),
});
const workflowSchema = z.looseObject({
  on: z.looseObject({ pull_request: z.null() }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  jobs: z.record(
    z.string(),
    z.looseObject({ 'timeout-minutes': z.number(), if: z.string().optional(), steps: z.array(stepSchema) }),
  ),
});
const pipelineSchema = z.record(
  z.string(),
  z.looseObject({
    script: z.array(z.string()).optional(),
    after_script: z.array(z.string()).optional(),
    allow_failure: z.strictObject({ exit_codes: z.array(z.number()) }).optional(),
    artifacts: z.looseObject({ when: z.string(), reports: z.strictObject({ junit: z.string() }) }).optional(),
  }),
);

const ACTION = actionSchema.parse(parse(read('action.yml')));
const WORKFLOWS = ['.github/workflows/ci.yml', 'cli/templates/github.yml'].map((file) =>
  workflowSchema.parse(parse(read(file))),
);
const PIPELINES = ['cli/templates/gitlab.yml', 'examples/ci/gitlab-ci.yml'].map((file) =>
  pipelineSchema.parse(parse(read(file))),
);
const STEPS = [
  ...ACTION.runs.steps,
  ...WORKFLOWS.flatMap(({ jobs }) => Object.values(jobs).flatMap(({ steps }) => steps)),
];

test('no expression stands within a script, and each action is pinned or of this tree', () => {
  for (const { run, uses } of STEPS) {
    assert.ok((run === undefined) !== (uses === undefined));
    assert.doesNotMatch(run ?? '', /\$\{\{/);
    assert.match(uses ?? './', /^(actions\/[a-z-]+@v\d+$|\.\/)/);
  }
});

test('each input reaches a step, and what the scripts read is given to them', () => {
  const { inputs, runs } = ACTION;
  const given = JSON.stringify(runs.steps);
  for (const name of Object.keys(inputs)) assert.ok(given.includes(`inputs.${name}`), name);
  for (const [, name = ''] of given.matchAll(/inputs\.([\w-]+)/g)) assert.ok(name in inputs, name);
  const scripts = ['ci/check.sh', 'ci/comment.sh'];
  for (const script of scripts) {
    const step = runs.steps.find(({ run }) => run === `bash "$GITHUB_ACTION_PATH/${script}"`);
    const names = [...read(script).matchAll(/CHECK_[A-Z_]+/g)].map(([name]) => name);
    const expected = Object.keys(step?.env ?? {}).filter((name) => name !== 'GH_TOKEN');
    assert.deepEqual([...new Set(names)].sort(), expected.sort(), script);
  }
});

test('workflows give the action inputs that it has, and this repository checks itself', () => {
  for (const { uses, with: given = {} } of STEPS)
    if (uses?.startsWith('./'))
      assert.deepEqual(
        Object.keys(given).filter((name) => !(name in ACTION.inputs)),
        [],
      );
  const [own] = WORKFLOWS;
  assert.ok(own?.jobs['test']?.steps.some(({ run }) => run === 'bash .ci/run'));
  assert.equal(own?.jobs['check']?.if, "github.event_name == 'pull_request'");
  assert.deepEqual(own?.jobs['check']?.steps.at(-1), { uses: './', with: { budget: '8m' } });
});

test('pipelines keep their bundle and its JUnit file, and an undecided check passes', () => {
  const jobs = PIPELINES.flatMap((pipeline) => Object.values(pipeline));
  for (const { artifacts } of jobs.filter((job) => job.artifacts !== undefined))
    assert.deepEqual([artifacts?.when, artifacts?.reports.junit], ['always', 'out/check/check/junit.xml']);
  for (const pipeline of PIPELINES)
    assert.ok(Object.values(pipeline).some(({ allow_failure: allowed }) => allowed?.exit_codes.includes(4)));
});

/** Words of the command lines in a file, comments too; variables as a shell that has them would give them. */
function linesOf(file: string): string[][] {
  return [...read(file).matchAll(/npx (?:--no-install )?claimbench ([^`\n]+)/g)].map(([, words = '']) =>
    [...words.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) =>
      (quoted ?? word).replaceAll(/\$\w+/g, '0123456789abcdef'),
    ),
  );
}

const LINES = FILES.flatMap((file) => linesOf(file).map((words) => ({ file, words })));

for (const { file, words } of LINES)
  test(`${file}: claimbench ${words.join(' ')}`, (t) => {
    // In a folder of no repository a check ends when all of its words were taken, and before anything is measured.
    const { status, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'cli/main.ts'), ...words], {
      cwd: temporaryFolder(t),
      encoding: 'utf8',
    });
    if (stderr.includes('unknown command history')) return t.skip('there is no history yet');
    assert.doesNotMatch(
      stderr,
      /unknown (option|command)|takes .*argument|has no value|is empty|is missing: give/,
    );
    if (words[0] === 'check') {
      assert.match(stderr, /lies in no git repository/);
      assert.equal(status, 2);
    }
  });

test('the command lines were found', () => {
  assert.deepEqual(
    LINES.map(({ words }) => words[0]),
    ['check', 'init', 'check', 'check', 'history'],
  );
});
