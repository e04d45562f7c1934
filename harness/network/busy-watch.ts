// Was the proxy's event loop the bound? Its account of itself.

import { performance } from 'node:perf_hooks';
import { GeneratorWatch } from '../measure/generator.ts';
import type { ProxyHealth } from './protocol.ts';

const WINDOW_MS = 250;
/** Of a window: above it there was work at nearly every turn of the loop. */
const BUSY_UTILIZATION = 0.9;

/** Watches this process from its making on; of the load, which `loadOver` ends, all figures are but two. */
export class BusyWatch {
  readonly #watch = new GeneratorWatch();
  readonly #timer: NodeJS.Timeout;
  #last = performance.eventLoopUtilization();
  #busyMs = 0;
  #allMs = 0;

  constructor() {
    this.#watch.start();
    this.#timer = setInterval(() => this.#look(), WINDOW_MS);
  }

  loadOver(): void {
    this.#watch.loadOver();
    this.#look();
    clearInterval(this.#timer);
  }

  stop(): ProxyHealth {
    this.loadOver();
    return { ...this.#watch.stop(), busyShare: this.#allMs === 0 ? 0 : this.#busyMs / this.#allMs };
  }

  /** By windows: a proxy that idles while the network is cut may still be the bound before and after. */
  #look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization, active, idle } = performance.eventLoopUtilization(now, this.#last);
    this.#last = now;
    this.#allMs += active + idle;
    if (utilization > BUSY_UTILIZATION) this.#busyMs += active + idle;
  }
}
