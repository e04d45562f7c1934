// How does a server in a container get a hot standby, in a container of its own?

import { randomBytes } from 'node:crypto';

import { RuntimeFailure } from '../../errors.ts';
import { withConnection } from '../connect.ts';
import { createSlot, dropSlot, SLOT_PREFIX } from '../replication-slots.ts';
import type { Standby, StandbyOptions } from '../server.ts';
import { standbySettings, untilStreaming } from '../streaming.ts';
import { isStatus } from './engine.ts';
import { type Launch, launch, type Running } from './launch.ts';
import { POSTGRES_PORT } from './postgres-container.ts';

const ADMIN = { applicationName: 'claimbench admin' } as const;

/** The server that is followed. */
export interface ContainerPrimary {
  readonly launch: Launch;
  readonly running: Running;
  readonly serverId: string;
}

/**
 * Copies the primary by pg_basebackup, which also writes down where to stream from, and goes on as the image does with a data
 * folder that is there. Both run as the image's entrypoint does: it gives the folder to the server's account.
 */
const SCRIPT = `
command -v pg_basebackup >/dev/null || { echo 'ERROR: the image has no pg_basebackup, by which a standby is made'; exit 64; }
pg_basebackup -D "$PGDATA" -d "$CLAIMBENCH_PRIMARY" -S "$CLAIMBENCH_SLOT" -X stream -R -c fast --no-sync || exit 65
chmod 700 "$PGDATA"
unset PGPASSWORD CLAIMBENCH_PRIMARY CLAIMBENCH_SLOT
exec "$@"
`;

/** By their own pg_hba.conf, images let no other host replicate. */
const ALLOW = `
line='host replication all all scram-sha-256'
grep -qxF "$line" "$PGDATA/pg_hba.conf" || printf '%s\\n' "$line" >> "$PGDATA/pg_hba.conf"
`;

/** Whether an image has the program that copies a server of this version. Official images have it. */
export async function copiesItself(
  container: Pick<Running['container'], 'exec'>,
  version: string,
): Promise<boolean> {
  const { exitCode, stdout } = await container.exec(['pg_basebackup', '--version']);
  const major = / (\d+)/.exec(stdout)?.[1];
  return exitCode === 0 && Number(major) >= Number.parseInt(version, 10);
}

/** It runs under the primary's limits, in a container that is removed with the primary's. @throws RuntimeFailure. */
export async function startContainerStandby(
  primary: ContainerPrimary,
  { feedback, signal }: StandbyOptions,
): Promise<Standby> {
  const { running, serverId } = primary;
  const slot = `${SLOT_PREFIX}standby_${randomBytes(4).toString('hex')}`;
  let started: Running | undefined;
  let disposing: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    disposing ??= (async () => {
      if (started !== undefined) await remove(primary, started);
      await dropSlot(running.admin, slot);
    })();
    return disposing;
  };
  try {
    await letReplicate(primary);
    await withConnection(running.admin, ADMIN, async (client) => {
      await createSlot(client, slot);
      started = await launch(await standbyOf(primary, slot, feedback, signal), serverId);
      await untilStreaming(client, slot, signal);
    });
  } catch (error) {
    await dispose().catch(() => undefined);
    throw error;
  }
  const standby = started;
  if (standby === undefined) throw new Error('a standby streams that was not started');
  return {
    connection: standby.admin,
    slot,
    async stop() {
      try {
        await containerOf(primary, standby).kill();
      } catch (error) {
        // It does not run any more.
        if (!isStatus(error, 409) && !isStatus(error, 404)) throw error;
      }
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function letReplicate({ running }: ContainerPrimary): Promise<void> {
  const { exitCode, output } = await running.container.exec(['sh', '-c', ALLOW]);
  if (exitCode !== 0)
    throw new RuntimeFailure(
      `the container's pg_hba.conf cannot be written, so no standby can stream: ${output.trim()}`,
    );
  await withConnection(running.admin, ADMIN, (client) => client.query('SELECT pg_reload_conf()'));
}

async function standbyOf(
  { launch: of, running }: ContainerPrimary,
  slot: string,
  feedback: boolean,
  signal: AbortSignal | undefined,
): Promise<Launch> {
  const { dockerode } = of.engine.container;
  const entrypoint = (await dockerode.getImage(of.image.name).inspect()).Config.Entrypoint ?? [];
  const at = await addressInside(of, running);
  const conninfo = `host=${at.host} port=${at.port} user=${running.admin.user} application_name=${slot}`;
  return {
    ...of,
    signal,
    settings: { ...of.settings, ...standbySettings(feedback) },
    entrypoint: ['sh', '-c', SCRIPT, 'claimbench-standby', ...[entrypoint].flat()],
    environment: { CLAIMBENCH_PRIMARY: conninfo, CLAIMBENCH_SLOT: slot, PGPASSWORD: of.password },
  };
}

/** Where another container reaches the primary. */
async function addressInside(
  of: Launch,
  { admin, container, route }: Running,
): Promise<{ readonly host: string; readonly port: number }> {
  if (route === 'host network') return admin;
  const inspected = await of.engine.container.getById(container.getId()).inspect();
  const host = inspected.NetworkSettings.Networks['bridge']?.IPAddress;
  if (!host)
    throw new RuntimeFailure('the container has no address on the bridge, so no standby can stream from it');
  return { host, port: POSTGRES_PORT };
}

function containerOf({ launch: of }: ContainerPrimary, { container }: Running) {
  return of.engine.container.getById(container.getId());
}

async function remove(primary: ContainerPrimary, standby: Running): Promise<void> {
  try {
    await containerOf(primary, standby).remove({ force: true, v: true });
  } catch (error) {
    if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
  }
}
