// A strategy whose worker sessions do not wait for the disk: a crash would bring settled jobs back, and lose others.

import { planted } from './plant.ts';

export default planted('commits-asynchronously', 'skip-locked', ({ session, connection }) => {
  // Travels ahead of the first claim, on the same connection.
  const switched = connection.query({ text: `SET synchronous_commit = off` });
  return {
    async claim(queue, limit, leaseMs) {
      await switched;
      return session.claim(queue, limit, leaseMs);
    },
  };
});
