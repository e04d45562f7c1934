// What does `list` say of a claim strategy?

import type { ClaimStrategy, Guarantees, StrategyFactory } from '../queue/index.ts';

const ORDERS: Readonly<Record<Guarantees['order'], string>> = {
  'priority-then-enqueue': 'priority, then enqueue order',
  enqueue: 'enqueue order',
  none: 'no order',
};

/** In words for a table, and as data for `--json`. */
export function strategyRow(factory: StrategyFactory) {
  const strategy = factory.create({ schema: 'claimbench' });
  const { guarantees, workerDefaults } = strategy;
  const capabilities = capabilitiesOf(strategy);
  const fixed = strategy.fixed ?? {};
  const contract = factory.contract ?? 'job-queue';
  const lines = [
    `${factory.summary}${factory.control === true ? ' [a control, not for use]' : ''}`,
    ...(factory.usedBy === undefined ? [] : [`used by: ${factory.usedBy}`]),
    `guarantees: ${guaranteesText(guarantees)} [${contract}]`,
    `capabilities: ${capabilities.join(', ') || 'none'}; by default batch ${workerDefaults.batch}, prefetch ${workerDefaults.prefetch}, settle ${workerDefaults.settle}`,
    ...Object.entries(fixed).map(([axis, reason]) => `${axis} is fixed: ${reason}`),
    ...(factory.breaks === undefined ? [] : [`breaks: ${factory.breaks}`]),
  ];
  return {
    name: factory.strategyName,
    text: lines.join('\n'),
    summary: factory.summary,
    contract,
    control: factory.control === true,
    usedBy: factory.usedBy,
    guarantees,
    capabilities,
    workerDefaults,
    fixed,
    breaks: factory.breaks,
  };
}

function guaranteesText(guarantees: Guarantees): string {
  const { order, orderWithinMs, lease, crashCountsAttempt, transactionPooler } = guarantees;
  return [
    'at least once',
    `${ORDERS[order]}${orderWithinMs === undefined ? '' : ` within ${orderWithinMs} ms`}`,
    lease === 'timed' ? 'timed lease' : 'lease of the session',
    crashCountsAttempt ? 'a crash costs an attempt' : 'a crash costs no attempt',
    transactionPooler ? 'works behind a transaction pooler' : 'no transaction pooler',
  ].join('; ');
}

function capabilitiesOf({ priorities, delay, guarantees, upkeep }: ClaimStrategy): readonly string[] {
  return [
    ...(priorities === undefined ? [] : [`priorities ${priorities.min} to ${priorities.max}`]),
    ...(delay === undefined ? [] : ['delays']),
    ...(guarantees.lease === 'timed' ? ['heartbeat'] : []),
    ...(upkeep === undefined ? [] : [`upkeep every ${upkeep.everyMs} ms`]),
  ];
}
