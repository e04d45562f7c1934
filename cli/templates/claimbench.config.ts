// What does `claimbench check` measure here, and what counts as worse? Every key is optional, and an option of the command line
// comes before it. The lines below show defaults, unless they say otherwise.

import { defineConfig } from 'claimbench/config';

export default defineConfig({
  check: {
    // What is measured, on both sides: names of `claimbench list contenders`, name?axis=value, or files of your own.
    // contenders: ['skip-locked'],
    // Under which loads: names of `claimbench list scenarios`, or files of your own. They share the budget.
    // scenarios: ['gate-drain', 'gate-steady'],
    // How long is measured at most. What is counted (WAL, round trips …) wants five blocks, what is timed twelve.
    // budget: '8m',
    // Makes the base ready, run by a shell in its folder. Without it, that is what its lock file is of: `npm ci` and the like.
    // setup: 'npm ci && npm run build',
    // The smallest worsening of what is timed that fails, as a share.
    // minEffect: 0.1,
    // Limits of single metrics, as a share, or 'off'. No default: each has its own, and check.json of a check names them all.
    // limits: { 'cost.walBytesPerJob': 0.02, 'latencyUs.pickup.p90': 'off' },
  },
});
