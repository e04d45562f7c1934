// How does the coordinator start, follow and end the bystander's process?

import { type ChildProcess, fork } from 'node:child_process';
import { programBeside } from '../child-program.ts';
import { type Launch, launcher } from '../load/agents.ts';
import type {
  BystanderAssignment,
  BystanderStopped,
  FromBystander,
  ToBystander,
} from './bystander-protocol.ts';

const READY_WITHIN_MS = 30_000;
/** Beyond what it was given to stop. */
const GRACE_MS = 5_000;

/** From fork to exit. Disposing it leaves no process behind. */
export class BystanderProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #stopping = false;
  report: BystanderStopped | undefined;
  /** Set when it failed or ended unasked. */
  failure: string | undefined;

  constructor(launch: Launch) {
    this.#child = fork(programBeside(import.meta.url, 'bystander-agent'), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...launcher(launch),
    });
    this.#child.on('message', (message) => this.#hear(message as FromBystander));
    this.#child.once('error', (error) => {
      this.#fail(`could not be started: ${error.message}`);
      this.#exited.resolve();
    });
    this.#child.once('exit', (code, signal) => {
      if (!this.#stopping) this.#fail(`ended unasked (${signal ?? `exit code ${code}`})`);
      this.#exited.resolve();
    });
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when all its sessions are open; rejects when they cannot be, or take too long. */
  async assign(assignment: BystanderAssignment): Promise<void> {
    this.#say(assignment);
    const timer = setTimeout(() => this.#fail('was not ready in time'), READY_WITHIN_MS);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  start(startUs: number): void {
    this.#say({ kind: 'start', startUs });
  }

  loadOver(atUs: number): void {
    this.#say({ kind: 'load-over', atUs });
  }

  /** Resolves when the process is gone; one that does not stop in time is killed. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#say({ kind: 'stop', deadlineMs });
    const timer = setTimeout(() => {
      this.#fail('did not stop in time and was killed');
      this.#child.kill('SIGKILL');
    }, deadlineMs + GRACE_MS);
    try {
      await this.#exited.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited.promise;
  }

  #say(message: ToBystander): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(message: FromBystander): void {
    if (message.kind === 'ready') this.#ready.resolve();
    else if (message.kind === 'failed') this.#fail(message.message);
    else this.report = message;
  }

  #fail(message: string): void {
    this.failure ??= message;
    this.#ready.reject(new Error(`the bystander: ${message}`));
  }
}
