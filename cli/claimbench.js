#!/usr/bin/env node
// What `npx claimbench` starts. In node_modules Node strips no types from a file: there tsx does, in this process and in its children.

const [major] = process.versions.node.split('.');
if (Number(major) < 24) {
  process.stderr.write(
    `claimbench: this is Node.js ${process.versions.node}, and 24 or later is needed: install it, or run it by npx -p node@24\n`,
  );
  process.exit(2);
}
if (import.meta.url.includes('/node_modules/')) {
  const { register } = await import('tsx/esm/api');
  register();
  // Children and threads are started with the words of their parent.
  process.execArgv.push('--import', import.meta.resolve('tsx'));
}
await import('./main.ts');
