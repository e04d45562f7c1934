// How is the network between agents and server broken, until the fault is disposed?

import type { NETWORK_FAULTS } from '../../scenarios/fault.ts';
import type { ScheduledFault } from '../../scenarios/scenario.ts';
import { nowUs } from '../load/clock.ts';
import type { NetworkProxy } from '../network/proxy-process.ts';
import type { Holder, Untimed } from './held.ts';

type NetworkFault = Untimed<Extract<ScheduledFault, { fault: (typeof NETWORK_FAULTS)[number] }>>;

/** Resolves when the network is as the fault has it; disposing heals it, and rejects when the proxy had ended before. */
export async function breakNetwork(fault: NetworkFault, proxy: NetworkProxy): Promise<Holder> {
  // It strikes before the proxy has confirmed it.
  const sinceUs = nowUs();
  const trouble = await makeTrouble(fault, proxy);
  return { sinceUs, [Symbol.asyncDispose]: () => trouble[Symbol.asyncDispose]() };
}

async function makeTrouble(fault: NetworkFault, proxy: NetworkProxy): Promise<AsyncDisposable> {
  switch (fault.fault) {
    case 'slow-network': {
      const { delayMs, jitterMs, bytesPerSec } = fault;
      return await proxy.trouble({ trouble: 'slow', delayMs, jitterMs, bytesPerSec });
    }
    case 'black-hole':
      return await proxy.trouble({ trouble: 'black-hole' });
    case 'cut-network':
      return await proxy.trouble({ trouble: 'cut' });
    case 'reset-connections':
      return await resetAgain(proxy, fault.everySeconds);
  }
}

/** At once, and then every so many seconds. Only the first must find somebody: later ones may come while all connect anew. */
async function resetAgain(proxy: NetworkProxy, everySeconds: number | undefined): Promise<AsyncDisposable> {
  const { resets } = (await proxy.read()).counters;
  if ((await proxy.reset()) === resets) throw new Error('no connection was open that could have been reset');
  let failure: unknown;
  const again = (): void => {
    proxy.reset().catch((error: unknown) => {
      failure ??= error;
    });
  };
  const timer = everySeconds === undefined ? undefined : setInterval(again, everySeconds * 1000);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if (failure !== undefined) throw failure;
    },
  };
}
