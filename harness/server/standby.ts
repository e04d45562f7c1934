// How does an embedded server get a hot standby that streams from it?

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { RuntimeFailure } from '../errors.ts';
import { temporaryBase } from './account.ts';
import { baseBackup } from './base-backup.ts';
import {
  type ClusterPlace,
  dataFolder,
  NEW_FILE,
  type Postmaster,
  startPostmaster,
  stopPostmaster,
  writeOwned,
} from './cluster.ts';
import { withConnection } from './connect.ts';
import { makePrivateFolder, removeFolder, startWatchdog } from './private-folder.ts';
import { endsWithin, hasEnded } from './processes.ts';
import { createSlot, dropSlot, SLOT_PREFIX } from './replication-slots.ts';
import type { ConnectionSettings, Standby, StandbyOptions } from './server.ts';
import { standbySettings, untilStreaming } from './streaming.ts';

const ADMIN = { applicationName: 'claimbench admin' } as const;
const STOP_WITHIN_MS = 5_000;

/** The server that is followed: where it lies, and how its superuser reaches it. */
export interface Primary {
  readonly place: Pick<ClusterPlace, 'folder' | 'account' | 'cpus'>;
  readonly admin: ConnectionSettings;
}

/**
 * Copies the primary into a private folder of the standby's own, beside the primary's, and starts it there. Its watchdog
 * sees to it when the harness dies. Its settings are the primary's, but for those of a standby and a small buffer.
 */
export async function startStandby(primary: Primary, options: StandbyOptions): Promise<Standby> {
  const { account, cpus } = primary.place;
  const slot = `${SLOT_PREFIX}standby_${randomBytes(4).toString('hex')}`;
  const folder = await makePrivateFolder(await temporaryBase(account), account);
  const watchdog = startWatchdog(folder, account);
  const { signal } = options;
  const place: ClusterPlace = { folder, account, cpus, signal, onProcess: (pid) => watchdog.guard(pid) };
  let postmaster: Postmaster | undefined;
  let disposing: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    if (postmaster) await stopPostmaster(postmaster.child);
    await removeFolder(folder);
    watchdog.dismiss();
    await dropSlot(primary.admin, slot);
  };
  try {
    await symlink(path.join(primary.place.folder, 'install'), path.join(folder, 'install'));
    const started = await withConnection(primary.admin, ADMIN, async (client) => {
      await createSlot(client, slot);
      await baseBackup(client, dataFolder(primary.place.folder), place);
      await configure(primary.admin, place, slot, options.feedback);
      postmaster = await startPostmaster(place);
      await untilStreaming(client, slot, place.signal);
      return postmaster;
    });
    return {
      connection: { ...primary.admin, port: started.port },
      slot,
      stop: () => stopAtOnce(started, place),
      [Symbol.asyncDispose]() {
        disposing ??= dispose();
        return disposing;
      },
    };
  } catch (error) {
    await dispose().catch(() => undefined);
    throw error instanceof RuntimeFailure
      ? new RuntimeFailure(`no standby could be started: ${error.message}`)
      : error;
  }
}

async function configure(
  primary: ConnectionSettings,
  { folder, account }: ClusterPlace,
  slot: string,
  feedback: boolean,
): Promise<void> {
  const { host, port, user, password } = primary;
  const passfile = path.join(folder, 'passfile');
  await writeOwned(passfile, NEW_FILE, `*:*:*:${user}:${password}\n`, account);
  const conninfo = Object.entries({ host, port, user, passfile, application_name: slot })
    .map(([name, value]) => `${name}='${String(value).replaceAll(/[\\']/g, '\\$&')}'`)
    .join(' ');
  const settings = {
    primary_conninfo: conninfo,
    primary_slot_name: slot,
    ...standbySettings(feedback),
  };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll(/[\\']/g, '$&$&')}'`,
  );
  const data = dataFolder(folder);
  const append = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
  await writeOwned(path.join(data, 'postgresql.conf'), append, `\n${lines.join('\n')}\n`, undefined);
  await writeOwned(path.join(data, 'standby.signal'), NEW_FILE, '', account);
}

async function stopAtOnce({ child }: Postmaster, place: ClusterPlace): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  child.kill('SIGQUIT');
  if (!(await endsWithin(child, STOP_WITHIN_MS))) {
    child.kill('SIGKILL');
    await endsWithin(child, STOP_WITHIN_MS);
  }
  place.onProcess(undefined);
}
