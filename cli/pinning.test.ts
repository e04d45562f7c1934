// Does `run --pin` keep server and generator on their cores, and say so?

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllowed, readProcessors } from '../harness/measure/processors.ts';
import { resultSchema } from '../harness/result/result.ts';
import { canPinProcesses, formatCpuList } from '../harness/run/pinning.ts';
import { commandLineOf, procStatFields } from '../harness/server/processes.ts';
import {
  claimbench,
  type Running,
  SHORT_DRAIN,
  start,
  temporaryFolder,
  testServer,
} from '../testing/command.ts';

const SMALL = ['run', ...SHORT_DRAIN, '--contender', 'skip-locked', '--repeats', '1'];
const allowed = readProcessors().allowed ?? [];
const [first = 0, second = 1] = allowed;
const unable = canPinProcesses() && allowed.length >= 2 ? false : 'needs Linux with taskset and two cores';

/** Every process below `root`, itself included. */
function family(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? procStatFields(Number(name))?.[1] : undefined;
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

function coresOf(pid: number): string {
  try {
    return formatCpuList(parseAllowed(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []);
  } catch {
    return 'gone';
  }
}

/** Waits for a worker's backend and its agent, and returns the cores of each kind of process. */
async function coresWhileRunning(running: Running): Promise<Record<string, Set<string>>> {
  const cores: Record<string, Set<string>> = { agent: new Set(), server: new Set(), coordinator: new Set() };
  const { pid = 0 } = running.child;
  for (;;) {
    assert.equal(running.child.exitCode, null, `the run ended unseen: ${running.stderr()}`);
    const seen = family(pid).map((one) => ({ pid: one, words: commandLineOf(one) ?? '' }));
    const agents = seen.filter(({ words }) => /harness\/load\/agent\.[jt]s/.test(words));
    const servers = seen.filter(({ words }) => /^postgres: |\/bin\/postgres -D/.test(words));
    if (agents.length === 0 || !servers.some(({ words }) => words.includes(' claimbench_b'))) {
      await sleep(20);
      continue;
    }
    for (const { pid: one } of agents) cores['agent']?.add(coresOf(one));
    for (const { pid: one } of servers) cores['server']?.add(coresOf(one));
    cores['coordinator']?.add(coresOf(pid));
    return cores;
  }
}

test('server and agents keep to their cores, and the bundle and report say which', {
  skip: unable,
}, async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const running = start([...SMALL, '--duration', '3', '--pin', `${first}:${second}`, '--out', out]);
  const cores = await coresWhileRunning(running);
  assert.deepEqual([...(cores['server'] ?? [])], [`${first}`]);
  assert.deepEqual([...(cores['agent'] ?? [])], [`${second}`]);
  assert.deepEqual([...(cores['coordinator'] ?? [])], [`${second}`]);
  const ended = await running.finished;
  // A busy machine may void the cell; where the processes ran is another question.
  assert.ok(ended.code === 0 || ended.code === 4, ended.stderr);
  assert.match(ended.stderr, new RegExp(`server pinned to cores ${first}, agents to ${second}`));
  const { environment } = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.deepEqual(environment.pinned, { server: [first], agents: [second] });
  assert.deepEqual(environment.allowedCpus, allowed, 'as they were before the coordinator was pinned');
  assert.equal(environment.cores, availableParallelism());
  assert.ok((environment.clockResolutionUs ?? 0) > 0);
  assert.ok((environment.nullCeilings?.['1'] ?? 0) > 0 || environment.nullCeilingPerSec === undefined);
  const report = readFileSync(join(out, 'report.md'), 'utf8');
  assert.match(report, new RegExp(`pinned apart: server on ${first}; agents and coordinator on ${second}`));
});

test('without --pin on few cores, and on a server at an address, nothing is pinned', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const ran = await claimbench(...SMALL, '--duration', '1', '--server', testServer(), '--out', out);
  assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  const { environment } = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.equal(environment.pinned, undefined);
  assert.match(
    readFileSync(join(out, 'report.md'), 'utf8'),
    /not pinned: the scheduler places server and agents/,
  );
});

test('cores that cannot be had are refused in one line, before anything starts', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const address = ['--server', testServer()];
  for (const { words, said } of [
    { words: ['--pin', '0'], said: /--pin 0: give auto, off, or SERVER:AGENTS/ },
    { words: ['--pin', '1:0-1'], said: /core 1 is on both sides/ },
    {
      words: ['--pin', '0:99999'],
      said: unable === false ? /core 99999 is not open/ : /needs Linux with taskset/,
    },
    { words: ['--pin', '0:1', ...address], said: /at an address: leave --pin out/ },
  ]) {
    const ran = await claimbench(...SMALL, ...words, '--out', out);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, said);
    assert.equal(ran.stderr.trim().split('\n').length, 1, ran.stderr);
  }
});
