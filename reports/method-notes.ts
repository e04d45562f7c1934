// How is a reader to take the figures? The method in short, in the words of METHOD.md.

/** Term and meaning, in the order of a job's life and then of the report. */
export const METHOD_NOTES: readonly (readonly [string, string])[] = [
  [
    'Pickup',
    'claimed − max(intended, run_at): how long a job waited that could have been claimed. It starts at the intended instant of a schedule that does not wait for the system, so a stall shows in every job that it delayed.',
  ],
  ['Response', 'settled − intended: what the owner of a job feels.'],
  ['Service', 'settled − claimed: the work itself and its settlement.'],
  [
    'Generator lag',
    'enqueue start − intended: the load generator’s own lateness, which would otherwise be counted against the queue.',
  ],
  [
    'Drain',
    'a preloaded backlog in a closed loop. Nothing arrives, so there is no pickup and no response: its only latency is service, from claim to settle.',
  ],
  [
    'Windows',
    'figures cover the measured phases without the warm-up, which stays visible in grey. A window shorter than two checkpoints and a few autovacuum passes is labelled burst, a longer one steady-state: a burst says nothing about bloat.',
  ],
  [
    'Percentiles',
    'HDR histograms of three significant digits, logged per second; repeats are merged by adding histograms, percentiles are never averaged. One with fewer than 100 samples beyond it is absent. The maximum is always shown.',
  ],
  [
    'Repeats',
    'the independent unit is the run, not the job. Tables give the median over repeats and, in brackets, the smallest and the largest: spread, not an interval of confidence. Ratios are paired within a block, whose cells ran one after the other.',
  ],
  [
    'Valid, invalid, incorrect',
    'invalid: the generator or the environment could not carry the measurement, so the cell is left out. Incorrect: a job was lost, doubled or misordered against what the contender promises, so there are no figures at all, for none of its repeats in that scenario.',
  ],
  [
    'Contract class',
    'contenders are ranked only within one class: a job queue and an event log promise different things.',
  ],
  [
    'Server',
    'read once a second over a connection of its own. Backends report their statistics (dead tuples, commits) up to a second late, so a load of a few seconds shows little of them.',
  ],
  [
    'Costs',
    'per settled job over the whole load, warm-up included, from the server’s own counters; a preload lies outside it and is reported apart.',
  ],
];
