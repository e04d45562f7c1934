// May the bystander's figures be believed? Its money must add up, and its process must have kept up with its schedule.

import type { CellPlan } from '../cell/plan.ts';
import { limitsAt, percent } from '../verify/generator-limits.ts';
import type { Account, Expected } from './bystander-figures.ts';
import type { BystanderStopped } from './bystander-protocol.ts';
import type { Books } from './bystander-tables.ts';

/** What voids the cell, one line each. */
export function booksProblems({ committed, delta, unknown }: Expected, books: Books): string[] {
  const found = books.found.reduce((sum, number) => sum + (unknown.get(number) ?? 0), 0);
  const transactions = committed + books.found.length;
  const money = delta + found;
  return [
    ...(books.transactions === transactions
      ? []
      : [
          `the bystander: ${books.transactions} of its transactions are in the database, where ${transactions} had been committed`,
        ]),
    ...([books.history, books.accounts, books.tellers].every((sum) => sum === money)
      ? []
      : [
          `the bystander: its books do not balance: accounts ${books.accounts}, tellers ${books.tellers}, history ${books.history}, committed ${money}`,
        ]),
  ];
}

/** Its own account against the schedule. */
export function countProblems(offered: number, due: number): string[] {
  return offered === due
    ? []
    : [`generator: the bystander accounts for ${offered} transactions, and ${due} were due: run again`];
}

/** The same limits as for producers. */
export function generatorProblems(
  { stalledShare, cpuShare, eventLoopMaxUs }: BystanderStopped['health'],
  { lag, unsentShare }: Pick<Account, 'lag' | 'unsentShare'>,
  scale?: CellPlan['scale'],
): string[] {
  const limits = limitsAt(scale);
  const mend = 'close other programs and run again, or lower neighbours.bystander.ratePerSec';
  const lateShare = lag.lateShare - unsentShare;
  return [
    ...(stalledShare > limits.stalledShare
      ? [
          `generator: the bystander stood still for ${percent(stalledShare)} of the time (limit ${percent(limits.stalledShare)}; longest ${Math.round(eventLoopMaxUs / 1000)} ms): ${mend}`,
        ]
      : []),
    ...(cpuShare > limits.producerCpuShare
      ? [
          `generator: the bystander used ${percent(cpuShare)} of a core (limit ${percent(limits.producerCpuShare)}): lower neighbours.bystander.ratePerSec`,
        ]
      : []),
    ...(unsentShare > limits.lateShare
      ? [
          `generator: ${percent(unsentShare)} of the bystander's transactions were never sent (limit ${percent(limits.lateShare)}): lower neighbours.bystander.ratePerSec`,
        ]
      : []),
    ...(lateShare > limits.lateShare
      ? [
          `generator: ${percent(lateShare)} of the bystander's transactions were sent more than 10 ms late (limit ${percent(limits.lateShare)}): ${mend}`,
        ]
      : []),
  ];
}
