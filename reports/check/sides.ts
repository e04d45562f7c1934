// Which cells of a run are of the base, which of the head, and which of them belong together?

import type { Cell, RunResult } from '../../harness/result/result.ts';

export type SideName = 'base' | 'head';

/** What a contender is called in cells, on either side. */
export function sideName(contender: string, side: SideName): string {
  return `${contender} @${side}`;
}

/** The side that a name in a cell is of; undefined outside of a check. */
export function sideOf(name: string): SideName | undefined {
  return (['base', 'head'] as const).find((side) => name.endsWith(sideName('', side)));
}

/** The same without its side. */
export function bareName(name: string): string {
  const side = sideOf(name);
  return side === undefined ? name : name.slice(0, -sideName('', side).length);
}

/** A contender in a scenario, with its cells by block in the order in which they were measured. */
export type Pairing = {
  readonly contender: string;
  readonly scenario: string;
  readonly loadModel: string;
  readonly blocks: readonly { readonly block: number; readonly base?: Cell; readonly head?: Cell }[];
};

/** Every contender that was checked in every scenario, in the order of the command line. */
export function pairingsOf({ check, cells }: Pick<RunResult, 'check' | 'cells'>): Pairing[] {
  return (check?.contenders ?? []).flatMap((contender) => {
    const names = { base: sideName(contender, 'base'), head: sideName(contender, 'head') };
    const own = cells.filter(({ contender: { name } }) => name === names.base || name === names.head);
    const scenarios = [...new Set(own.map(({ scenario }) => scenario))];
    return scenarios.map((scenario): Pairing => {
      const inScenario = own.filter((cell) => cell.scenario === scenario);
      const blocks = [...Map.groupBy(inScenario, ({ block }) => block)].map(([block, ofBlock]) => {
        const base = ofBlock.find(({ contender: { name } }) => name === names.base);
        const head = ofBlock.find(({ contender: { name } }) => name === names.head);
        return { block, ...(base === undefined ? {} : { base }), ...(head === undefined ? {} : { head }) };
      });
      return { contender, scenario, loadModel: inScenario[0]?.window.loadModel ?? '', blocks };
    });
  });
}
