// How do the bytes of one connection pass in one direction: in order, each when it is due, and no more of them held than a bound?

import type { Socket } from 'node:net';
import type { Way } from './way.ts';

/**
 * So much is held of one lane before its source is no longer read; the windows of TCP do the rest. A connection that is
 * delayed by d moves no more than this per d, as one with such a window.
 */
const HELD_BYTES_MAX = 512 * 1024;

/** Bytes, or how the source ended them. */
type Passing = Buffer | 'end' | 'reset';

interface Held {
  readonly what: Passing;
  dueMs: number;
}

/** A reset towards the other end; a socket of files knows none. */
export function resetSocket(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}

/** What `from` sends goes to the socket that `leadTo` names, and waits until it is named. An end and a reset travel as bytes do. */
export class Lane {
  readonly #from: Socket;
  readonly #way: Way;
  /** When the connection is made: nothing sets out before that, ms of `performance.now()`. */
  readonly #openMs: number;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #to: Socket | undefined;
  /** The socket takes no more for now. */
  #full = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, way: Way, openMs: number) {
    this.#from = from;
    this.#way = way;
    this.#openMs = openMs;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take('end'));
    from.on('error', () => this.#take('reset'));
  }

  leadTo(to: Socket): void {
    this.#to = to;
    const again = (): void => {
      this.#full = false;
      this.pass();
    };
    to.on('drain', again);
    // What is on its way to a socket that is gone is lost, and must not keep its source waiting.
    to.on('close', again);
    this.pass();
  }

  /** What is held is due at once. */
  hurry(): void {
    for (const one of this.#held) one.dueMs = 0;
    this.pass();
  }

  /** Passes on what is due. */
  pass(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const nowMs = performance.now();
    while (this.#to !== undefined && !this.#way.blackHole && !this.#full) {
      const first = this.#held[0];
      if (first === undefined) break;
      if (first.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.pass(), Math.max(1, Math.ceil(first.dueMs - nowMs)));
        break;
      }
      this.#held.shift();
      this.#count(-lengthOf(first.what));
      this.#give(first.what, this.#to);
    }
    if (this.#from.isPaused() && this.#heldBytes <= HELD_BYTES_MAX / 2) this.#from.resume();
  }

  /** Nothing of it passes any more. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#count(-this.#heldBytes);
    this.#ended = true;
  }

  #take(what: Passing): void {
    // An error may follow an end: then the other end must hear of that, too.
    if (this.#ended) return;
    if (what === 'reset') this.#ended = true;
    if (this.#held.length === 0 && !this.#full && this.#way.clear && this.#to !== undefined) {
      this.#give(what, this.#to);
      return;
    }
    const bytes = lengthOf(what);
    const dueMs = this.#way.dueMs(performance.now(), bytes, this.#openMs);
    // Jitter makes bytes late, not change their order.
    this.#held.push({ what, dueMs: Math.max(dueMs, this.#held.at(-1)?.dueMs ?? 0) });
    this.#count(bytes);
    if (this.#heldBytes > HELD_BYTES_MAX) this.#from.pause();
    if (this.#timer === undefined) this.pass();
  }

  #give(what: Passing, to: Socket): void {
    if (what === 'reset') resetSocket(to);
    else if (to.destroyed || to.writableEnded) return;
    else if (what === 'end') to.end();
    else {
      this.#way.bytesPassed += what.length;
      this.#full = !to.write(what);
    }
  }

  #count(bytes: number): void {
    this.#heldBytes += bytes;
    this.#way.bytesHeld += bytes;
  }
}

function lengthOf(what: Passing): number {
  return typeof what === 'string' ? 0 : what.length;
}
