// Are the processors read right, from whatever Linux shows of them?

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseAllowed, parseCpuList, parseCpuMax, readProcessors } from './processors.ts';

/** A /proc and /sys with these files. */
function system(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(path.join(tmpdir(), 'claimbench-processors-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

test('a list of processors: single ones, ranges, out of order, repeated', () => {
  assert.deepEqual(parseCpuList('0'), [0]);
  assert.deepEqual(parseCpuList('0-2,5\n'), [0, 1, 2, 5]);
  assert.deepEqual(parseCpuList('7,1-2,2'), [1, 2, 7]);
  assert.deepEqual(parseCpuList('10,9'), [9, 10], 'by number, not by text');
});

test('what is no list of processors is none', () => {
  for (const text of ['', ' ', '0-', '-1', 'a', '3-1', '0,,1', '0;1', '1.5', '0-1-2', '999999'])
    assert.equal(parseCpuList(text), undefined, text);
});

test('the allowed processors are those of the status file', () => {
  const status = 'Name:\tnode\nCpus_allowed:\tf3\nCpus_allowed_list:\t0-1,4-7\nMems_allowed_list:\t0\n';
  assert.deepEqual(parseAllowed(status), [0, 1, 4, 5, 6, 7]);
  assert.equal(parseAllowed('Name:\tnode\nMems_allowed_list:\t0\n'), undefined);
});

test('a quota of cgroup v2 is in processors, and max is none', () => {
  assert.equal(parseCpuMax('150000 100000\n'), 1.5);
  assert.equal(parseCpuMax('max 100000\n'), undefined);
  assert.equal(parseCpuMax(''), undefined);
  assert.equal(parseCpuMax('100000 0'), undefined);
});

test('the tightest quota between the own group and the root counts', (t) => {
  const root = system(t, {
    'proc/self/cgroup': '0::/pod/container\n',
    'sys/fs/cgroup/pod/cpu.max': '200000 100000\n',
    'sys/fs/cgroup/pod/container/cpu.max': 'max 100000\n',
  });
  assert.equal(readProcessors(root).quota, 2);
});

test('a quota of cgroup v1 is found beside the empty unified hierarchy, and -1 is none', (t) => {
  const files = {
    'proc/self/cgroup': '4:cpu,cpuacct:/job\n1:name=systemd:/\n0::/\n',
    'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us': '50000\n',
    'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us': '100000\n',
  };
  assert.equal(readProcessors(system(t, files)).quota, 0.5);
  const free = { ...files, 'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us': '-1\n' };
  assert.equal(readProcessors(system(t, free)).quota, undefined);
});

test('governor, turbo and siblings of the allowed processors alone', (t) => {
  const cpu = 'sys/devices/system/cpu';
  const files = {
    'proc/self/status': 'Cpus_allowed_list:\t0-2\n',
    [`${cpu}/cpu0/cpufreq/scaling_governor`]: 'performance\n',
    [`${cpu}/cpu1/cpufreq/scaling_governor`]: 'performance\n',
    [`${cpu}/cpu2/cpufreq/scaling_governor`]: 'powersave\n',
    [`${cpu}/cpu3/cpufreq/scaling_governor`]: 'ondemand\n',
    [`${cpu}/cpu0/topology/thread_siblings_list`]: '0,2\n',
    [`${cpu}/cpu1/topology/thread_siblings_list`]: '1,3\n',
    [`${cpu}/cpu2/topology/thread_siblings_list`]: '0,2\n',
    [`${cpu}/intel_pstate/no_turbo`]: '1\n',
  };
  const found = readProcessors(system(t, files));
  assert.equal(found.governor, 'performance, powersave');
  assert.equal(found.turbo, false);
  assert.deepEqual(found.cores, [[0, 2], [1]]);
  const boosted = { [`${cpu}/cpufreq/boost`]: '1\n' };
  assert.equal(readProcessors(system(t, boosted)).turbo, true);
});

test('what the system does not show is absent, not guessed', (t) => {
  assert.deepEqual(readProcessors(system(t, {})), {});
});
