// What `claimbench check` measures here, and from where on it fails.

import { defineConfig } from 'claimbench/config';

export default defineConfig({
  check: {
    contenders: ['./strategy.ts'],
    budget: '8m',
    // Disk that is paid for by the byte: tighter than the default of 5 %.
    limits: { 'cost.walBytesPerJob': 0.03 },
  },
});
