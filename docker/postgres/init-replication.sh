#!/usr/bin/env bash
# What must a new primary have, so that the replica can stream from it? A role, and a line in pg_hba.conf.
set -euo pipefail
: "${REPLICATION_PASSWORD:?set it, as the replica has it too}"

# The password is read from the environment: a command line is seen by all accounts of the machine.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password REPLICATION_PASSWORD
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'password';
SQL
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
