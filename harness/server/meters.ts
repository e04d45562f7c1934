// How are the processes of a server followed when another postmaster takes the place of the first?

import { processMeter, type ServerProcess } from './process-titles.ts';
import { cpuMeter } from './server-cpu.ts';

/** As of `PostgresServer`; both absent where the harness cannot see its processes. */
export interface ProcessMeters {
  readonly cpuUs?: () => number;
  readonly processes?: () => readonly ServerProcess[];
}

/** From one look at an ending server to the next: what it uses after the last look is not counted. */
const LOOK_MS = 5;

/** The CPU time of all postmasters that there have been, each with all its processes, and the processes of the present one. */
export class SuccessiveMeters implements ProcessMeters {
  readonly cpuUs?: () => number;
  readonly processes?: () => readonly ServerProcess[];
  #presentUs: () => number = () => 0;
  #present: () => readonly ServerProcess[] = () => [];
  /** Of those that have ended. */
  #endedUs = 0;

  constructor(pid: number) {
    const cpuUs = cpuMeter(pid);
    const processes = processMeter(pid);
    if (cpuUs !== undefined) {
      this.#presentUs = cpuUs;
      this.cpuUs = () => this.#endedUs + this.#presentUs();
    }
    if (processes !== undefined) {
      this.#present = processes;
      this.processes = () => this.#present();
    }
  }

  /** Looks often while `end` is on its way: a process that is gone tells nothing any more. Its answer is passed on. */
  async followedToItsEnd<T>(end: () => Promise<T>): Promise<T> {
    const looking = setInterval(this.#presentUs, LOOK_MS);
    try {
      this.#presentUs();
      return await end();
    } finally {
      clearInterval(looking);
    }
  }

  /** Another postmaster has been started; the last one has ended. */
  follow(pid: number): void {
    // A meter whose processes are gone repeats its last reading.
    this.#endedUs += this.#presentUs();
    this.#presentUs = cpuMeter(pid) ?? (() => 0);
    this.#present = processMeter(pid) ?? (() => []);
  }
}
