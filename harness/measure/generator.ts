// Was this process able to carry the measurement? The load generator's account of itself.

import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** One agent's health over the load: shares of its time, which what comes after it would dilute. Microseconds, shares of one core, bytes. */
export interface GeneratorHealth {
  /** How late a 1 ms timer fires: 99th percentile and maximum. */
  readonly eventLoopP99Us: number;
  readonly eventLoopMaxUs: number;
  /** Share of the time that the event loop stood still for longer than STALL_MS at a stretch, 0…1. */
  readonly stalledShare: number;
  readonly cpuShare: number;
  /** User and system time of the process. */
  readonly cpuUs: number;
  readonly gcShare: number;
  /** For how long it stood still after the load, while the queue worked off what was left. */
  readonly stalledAfterUs: number;
  /** Of the whole life of the process. */
  readonly peakRssBytes: number;
}

const RESOLUTION_MS = 1;
const STALL_TICK_MS = 10;
const STALL_MS = 20;

type OfTheLoad = Omit<GeneratorHealth, 'stalledAfterUs' | 'peakRssBytes'>;

/** Watches this process from `start` until `stop`; of the load, which `loadOver` ends, all figures are but two. */
export class GeneratorWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #observer = new PerformanceObserver((list) => this.#collected(list.getEntries()));
  #gcMs = 0;
  #startMs = 0;
  #startCpu = process.cpuUsage();
  #ticker: NodeJS.Timeout | undefined;
  #lastTickMs = 0;
  #stalledMs = 0;
  #longestMs = 0;
  #ofTheLoad: OfTheLoad | undefined;

  start(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#delay.enable();
    this.#gcMs = 0;
    this.#startMs = performance.now();
    this.#startCpu = process.cpuUsage();
    this.#lastTickMs = this.#startMs;
    this.#ticker = setInterval(() => this.#tick(), STALL_TICK_MS);
  }

  /**
   * A percentile over timer samples hides a long stall, which is one sample among thousands: the same omission that a
   * closed loop makes. So stalls are also weighed by the time that they took.
   */
  #tick(): void {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#lastTickMs - STALL_TICK_MS;
    this.#lastTickMs = nowMs;
    this.#longestMs = Math.max(this.#longestMs, lateMs);
    if (lateMs > STALL_MS) this.#stalledMs += lateMs;
  }

  #collected(entries: readonly { readonly duration: number }[]): void {
    for (const entry of entries) this.#gcMs += entry.duration;
  }

  /** The load is over, and what it cost is known. Only the first call counts. */
  loadOver(): void {
    this.#ofTheLoad ??= this.#reading();
  }

  #reading(): OfTheLoad {
    const elapsedMs = Math.max(1, performance.now() - this.#startMs);
    const cpu = process.cpuUsage(this.#startCpu);
    // A stall that has just ended was seen by no timer yet.
    this.#tick();
    this.#delay.disable();
    this.#collected(this.#observer.takeRecords());
    this.#observer.disconnect();
    // The histogram holds whole intervals; the resolution itself is no delay.
    const lateUs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1000 - RESOLUTION_MS * 1000);
    const reading = {
      eventLoopP99Us: lateUs(this.#delay.percentile(99)),
      eventLoopMaxUs: Math.max(lateUs(this.#delay.max), this.#longestMs * 1000),
      stalledShare: Math.min(1, this.#stalledMs / elapsedMs),
      cpuShare: (cpu.user + cpu.system) / 1000 / elapsedMs,
      cpuUs: cpu.user + cpu.system,
      gcShare: this.#gcMs / elapsedMs,
    };
    this.#stalledMs = 0;
    return reading;
  }

  stop(): GeneratorHealth {
    const ofTheLoad = this.#ofTheLoad ?? this.#reading();
    this.#tick();
    clearInterval(this.#ticker);
    return {
      ...ofTheLoad,
      stalledAfterUs: Math.round(this.#stalledMs * 1000),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  }
}
