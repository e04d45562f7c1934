#!/usr/bin/env bash
# What must a new primary have, so that the replica can stream from it? A role, a slot, and a line in pg_hba.conf.
set -euo pipefail
: "${REPLICATION_PASSWORD:?set it, as the replica has it too}"

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$REPLICATION_PASSWORD" <<'SQL'
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'password';
-- With a slot the primary keeps the WAL that a stopped replica has not seen yet (up to max_slot_wal_keep_size).
SELECT pg_create_physical_replication_slot('replica');
SQL
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
