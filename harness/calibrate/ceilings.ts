// What are the harness's own ceilings in a run? Each measured once, and again when that was void.

/** A rate, or none where the cell was void. */
type Measure = (batch: number) => Promise<{ readonly ceilingPerSec: number | undefined }>;

/** How often a void ceiling is measured again: a busy moment passes, a busy machine does not. */
const AGAIN = 3;

/** The harness's own ceiling for each size of claim that occurs. */
export class Ceilings {
  readonly #measure: Measure;
  readonly #known = new Map<number, number | undefined>();

  constructor(measure: Measure) {
    this.#measure = measure;
  }

  /** Jobs per second of one agent; undefined when it was void each time, which is not tried again. */
  async of(batch: number): Promise<number | undefined> {
    if (!this.#known.has(batch)) this.#known.set(batch, await this.#measured(batch));
    return this.#known.get(batch);
  }

  async #measured(batch: number): Promise<number | undefined> {
    for (let attempt = 0; attempt <= AGAIN; attempt += 1) {
      const { ceilingPerSec } = await this.#measure(batch);
      if (ceilingPerSec !== undefined) return ceilingPerSec;
    }
    return undefined;
  }

  /** Those measured so far, by claim size; a void one is left out. */
  known(): Readonly<Record<string, number>> {
    const measured = [...this.#known].flatMap(([batch, rate]) =>
      rate === undefined ? [] : [[String(batch), Math.round(rate)] as const],
    );
    return Object.fromEntries(measured.sort(([a], [b]) => Number(a) - Number(b)));
  }
}
