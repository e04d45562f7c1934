// Do two searches of the same queue find the same?

import type { Search } from '../../../harness/result/result.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { claimbench } from './claimbench.ts';
import type { Plans } from './plans.ts';

const DEFAULT_CONTENDERS = ['skip-locked'];
const SEARCHES = [1, 2];
const TARGET_PERCENT = 10;
const TIMEOUT_SECONDS = 1_800;
const SMOKE_WORDS = ['--job-ms', '20', '--probes', '3', '--sessions', '1'];

interface Searched {
  readonly search: Search | undefined;
  readonly seconds: number;
}

export function again(plans: Plans): Yardstick {
  return {
    name: 'again',
    question: 'do two searches of a queue agree?',
    async run(bench) {
      const figures: Figure[] = [];
      for (const contender of bench.only ?? DEFAULT_CONTENDERS) {
        const found: Searched[] = [];
        for (const turn of SEARCHES) found.push(await searched(contender, turn, plans, bench));
        figures.push(agreement(contender, found), ...found.flatMap(costOf(contender)));
      }
      return figures;
    },
  };
}

async function searched(contender: string, turn: number, plans: Plans, bench: Bench): Promise<Searched> {
  const { smoke, signal, say } = bench;
  const out = plans.folderFor(`search-${contender}-${turn}`);
  const words = ['search', '--contender', contender, '--out', out, ...(smoke ? SMOKE_WORDS : [])];
  const { result, seconds } = await claimbench(words, { signal, timeoutSeconds: TIMEOUT_SECONDS });
  const search = result.capacity?.search;
  say(`${contender}, search ${turn}: ${search?.answer.text ?? 'none'}`);
  return { search, seconds };
}

/** By how much the geometric middles of the two intervals are apart; open where a search found no interval. */
function agreement(contender: string, found: readonly Searched[]): Figure {
  const what = `${contender}: middles of two searches, apart`;
  const common = { what, unit: '%', target: { atMost: TARGET_PERCENT } };
  const middles = found.map(({ search }) => middleOf(search));
  const [one, other] = middles;
  if (one === undefined || other === undefined) {
    const without = found[middles.indexOf(undefined)]?.search;
    return { ...common, value: undefined, note: without?.answer.text ?? 'there was no search' };
  }
  const value = 100 * (Math.max(one, other) / Math.min(one, other) - 1);
  return { ...common, value, note: `${Math.round(one)} and ${Math.round(other)} jobs/s` };
}

function middleOf(search: Search | undefined): number | undefined {
  const { state, passPerSec, failPerSec } = search?.answer ?? {};
  if (state !== 'bracketed' || passPerSec === undefined || failPerSec === undefined) return undefined;
  return Math.sqrt(passPerSec * failPerSec);
}

function costOf(contender: string): (found: Searched, turn: number) => Figure[] {
  return ({ search, seconds }, turn) => {
    const probes = search?.probes ?? [];
    const load = probes.reduce((sum, probe) => sum + probe.seconds, 0);
    const note = `${probes.length} probes, ${Math.round(load)} s of load`;
    return [{ what: `${contender}: search ${turn + 1} took`, value: seconds, unit: 's', note }];
  };
}
