// How does a test see what really goes over the wire, and hold back what comes?

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy in front of a server. `sent` is every byte from the clients so far, as text. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  sent(): string;
  /** While held, no answer reaches a client. */
  hold(held: boolean): void;
}

/** Listens on a port of its own and passes everything on. */
export async function openProxy(host: string, port: number): Promise<Proxy> {
  let sent = '';
  let held = false;
  const sockets = new Set<Socket>();
  const servers = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect({ host, port, noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, server]) sockets.add(socket.on('error', () => socket.destroy()));
    servers.add(server);
    if (held) server.pause();
    client.on('data', (data) => {
      sent += data.toString('latin1');
      server.write(data);
    });
    server.on('data', (data) => client.write(data));
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const address = proxy.address();
  return {
    port: isAddress(address) ? address.port : 0,
    sent: () => sent,
    hold(hold) {
      held = hold;
      for (const server of servers) hold ? server.pause() : server.resume();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
