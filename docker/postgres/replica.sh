#!/usr/bin/env bash
# How does an empty folder become a streaming replica? By a base backup; then the image's own entrypoint takes over.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Taken beside its place and moved there when whole: a copy that was cut short is never started.
  rm -rf "$PGDATA.part" "$PGDATA"
  mkdir -p "$(dirname "$PGDATA")"
  # The password becomes part of what it writes for the server to connect with: a file in the volume, for its owner alone.
  PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup --pgdata "$PGDATA.part" --wal-method stream --slot replica \
    --checkpoint fast --write-recovery-conf --no-password \
    --dbname "host=$PRIMARY_HOST user=replicator application_name=replica connect_timeout=10"
  mv "$PGDATA.part" "$PGDATA"
fi
# It gives the files to the user postgres and starts the server as that; a folder that is filled it leaves as it is.
exec docker-entrypoint.sh "$@"
