// Was this process able to carry the measurement? The load generator's account of itself.

import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** One agent's health over the load. Microseconds, shares of one core, bytes. */
export interface GeneratorHealth {
  /** How late a 1 ms timer fires: 99th percentile and maximum. */
  readonly eventLoopP99Us: number;
  readonly eventLoopMaxUs: number;
  readonly cpuShare: number;
  readonly gcShare: number;
  readonly peakRssBytes: number;
}

const RESOLUTION_MS = 1;

/** Watches this process from `start` until `stop`. */
export class GeneratorWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#gcMs += entry.duration;
  });
  #gcMs = 0;
  #startMs = 0;
  #startCpu = process.cpuUsage();

  start(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#delay.enable();
    this.#gcMs = 0;
    this.#startMs = performance.now();
    this.#startCpu = process.cpuUsage();
  }

  stop(): GeneratorHealth {
    const elapsedMs = Math.max(1, performance.now() - this.#startMs);
    const cpu = process.cpuUsage(this.#startCpu);
    this.#delay.disable();
    this.#observer.disconnect();
    // The histogram holds whole intervals; the resolution itself is no delay.
    const lateUs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1000 - RESOLUTION_MS * 1000);
    return {
      eventLoopP99Us: lateUs(this.#delay.percentile(99)),
      eventLoopMaxUs: lateUs(this.#delay.max),
      cpuShare: (cpu.user + cpu.system) / 1000 / elapsedMs,
      gcShare: this.#gcMs / elapsedMs,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  }
}
