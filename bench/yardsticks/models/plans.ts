// Which plans are made for the yardsticks? One for each contender, kept while they last.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../../yardstick.ts';
import { type Answer, claimbench } from './claimbench.ts';

/**
 * Jobs whose times differ, so that some wait for a handler at the three quarters of its capacity at which a plan tries its models; and a rate
 * that takes so many handlers that this load has the 10,000 jobs that a p99 takes.
 */
const QUESTION = ['--rate', '400', '--job-ms', '10', '--job-time', 'exponential'];
const OUTAGE = ['--outage', '20s', '--recover', '1m'];
/** Few loads, and short: they say nothing. */
const SMOKE_QUESTION = [
  '--rate',
  '20',
  '--job-ms',
  '2',
  '--outage',
  '2s',
  '--recover',
  '10s',
  '--budget',
  '1m',
];
/** Far beyond what a plan may take, so that one that takes longer is seen to. */
const TIMEOUT_SECONDS = 1_200;

export interface Plan extends Answer {
  /** The folder of its bundle. */
  readonly bundle: string;
}

export class Plans {
  readonly #folder: string;
  readonly #plans = new Map<string, Promise<Plan>>();

  /** @param folder where bundles may lie. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A folder for the bundle of one command. */
  folderFor(name: string): string {
    mkdirSync(this.#folder, { recursive: true });
    return join(this.#folder, name.replaceAll(/[^\w.-]/g, '-'));
  }

  /** Made when it is first asked for. */
  of(contender: string, bench: Bench): Promise<Plan> {
    const made = this.#plans.get(contender) ?? this.#make(contender, bench);
    this.#plans.set(contender, made);
    return made;
  }

  /** One that is there already, of whichever contender; otherwise one of this. */
  any(contender: string, bench: Bench): Promise<Plan> {
    const [made] = this.#plans.values();
    return made ?? this.of(contender, bench);
  }

  async #make(contender: string, { smoke, signal, say }: Bench): Promise<Plan> {
    const bundle = this.folderFor(`plan-${contender}`);
    const words = ['plan', '--contender', contender, ...(smoke ? SMOKE_QUESTION : [...QUESTION, ...OUTAGE])];
    say(`claimbench ${words.join(' ')}, up to ten minutes`);
    const answer = await claimbench([...words, '--out', bundle], { signal, timeoutSeconds: TIMEOUT_SECONDS });
    return { ...answer, bundle };
  }
}
