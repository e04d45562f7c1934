// Where is an instant kept for each job in hand? In flat memory, which takes an agent less time for each job than a map.

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
/** Keys are dense from 0 on. One beyond is no job of the cell, and is not kept. */
const KEYS_LIMIT = 1 << 27;
const NONE = new Float64Array(0);

/** An instant by a job's key; NaN where there is none. */
export class Instants {
  readonly #chunks: Float64Array[] = [];

  get(key: number): number {
    return this.#chunks[key >> CHUNK_BITS]?.[key & (CHUNK - 1)] ?? Number.NaN;
  }

  /** NaN forgets it. */
  set(key: number, us: number): void {
    if (key >= KEYS_LIMIT) return;
    const at = key >> CHUNK_BITS;
    let chunk = this.#chunks[at];
    if (chunk === undefined || chunk === NONE) {
      if (Number.isNaN(us)) return;
      // No holes, which would make the list itself a slow one.
      while (this.#chunks.length <= at) this.#chunks.push(NONE);
      chunk = new Float64Array(CHUNK).fill(Number.NaN);
      this.#chunks[at] = chunk;
    }
    chunk[key & (CHUNK - 1)] = us;
  }
}
