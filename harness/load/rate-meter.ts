// How fast does a count go up, over about the last second?

import { nowUs } from './clock.ts';

/** For progress: reads a total now and then. */
export class RateMeter {
  readonly #readings: { atUs: number; total: number }[] = [];

  perSecond(total: number): number | undefined {
    const atUs = nowUs();
    this.#readings.push({ atUs, total });
    while (this.#readings.length > 2 && atUs - (this.#readings[1]?.atUs ?? atUs) > 1e6)
      this.#readings.shift();
    const first = this.#readings[0];
    if (first === undefined || atUs - first.atUs < 2e5) return undefined;
    return ((total - first.total) / (atUs - first.atUs)) * 1e6;
  }
}
