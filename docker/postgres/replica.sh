#!/usr/bin/env bash
# How does an empty folder become a streaming replica? By a base backup; then the image's own entrypoint takes over.
set -euo pipefail

# With a slot the primary keeps the WAL that a stopped replica has not seen yet (up to max_slot_wal_keep_size). One that is
# there belongs to a copy that is gone, and may have lost its WAL: it is made anew.
make_slot() {
  psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --output /dev/null --no-password \
    --dbname "host=$PRIMARY_HOST user=replicator dbname=postgres connect_timeout=10" <<'SQL'
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'replica';
SELECT pg_create_physical_replication_slot('replica', true);
SQL
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # As part of what pg_basebackup writes for the server to connect with, it is in a file in the volume, for its owner alone.
  export PGPASSWORD=$REPLICATION_PASSWORD
  # The primary may take wal_sender_timeout (60 s) to notice that the last one has gone.
  tries=0
  until make_slot; do
    tries=$((tries + 1))
    [ "$tries" -lt 35 ] || exit 1
    sleep 2
  done
  # Taken beside its place and moved there when whole: a copy that was cut short is never started.
  rm -rf "$PGDATA.part" "$PGDATA"
  mkdir -p "$(dirname "$PGDATA")"
  pg_basebackup --pgdata "$PGDATA.part" --wal-method stream --slot replica \
    --checkpoint fast --write-recovery-conf --no-password \
    --dbname "host=$PRIMARY_HOST user=replicator application_name=replica connect_timeout=10"
  mv "$PGDATA.part" "$PGDATA"
  unset PGPASSWORD
fi
# It gives the files to the user postgres and starts the server as that; a folder that is filled it leaves as it is.
exec docker-entrypoint.sh "$@"
