#!/usr/bin/env bash
# How does the stand-in become a PostgreSQL server? By what the official image documents of its own entrypoint.
set -Eeuo pipefail

fail() {
  echo "docker-entrypoint: $1" >&2
  exit 1
}

# A setting, or the content of the file that NAME_FILE names: a secret. Unset where neither is given and no default.
setting() {
  local name=$1 file="${1}_FILE"
  if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then fail "$name and $file are both set: leave one out"; fi
  if [ -n "${!file:-}" ]; then export "$name=$(<"${!file}")"; else export "$name=${!name:-${2:-}}"; fi
  unset "$file"
}

become_postgres() {
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  # A file system that does not allow it may still be usable: initdb will tell.
  find "$PGDATA" \! -user postgres -exec chown postgres '{}' + || true
  chown postgres /var/run/postgresql || true
  exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$0" "$@"
}

create_cluster() {
  setting POSTGRES_USER postgres
  setting POSTGRES_PASSWORD
  setting POSTGRES_DB "$POSTGRES_USER"
  setting POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    fail 'POSTGRES_PASSWORD is empty: set it (or POSTGRES_HOST_AUTH_METHOD=trust, which lets everyone in)'
  fi
  # Several words in one variable, as documented; quotes in it count.
  local words=()
  eval "words=($POSTGRES_INITDB_ARGS)"
  if [ -n "$POSTGRES_PASSWORD" ]; then
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${words[@]}"
  else
    initdb --username="$POSTGRES_USER" "${words[@]}"
  fi
  local method=$POSTGRES_HOST_AUTH_METHOD
  [ -n "$method" ] || method=$(postgres -C password_encryption)
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
}

# SQL and scripts of the user's, in the order of their names, on a server that no network reaches.
first_start() {
  # It answers health checks on no address: what waits for this server must not meet the temporary one.
  pg_ctl -D "$PGDATA" -w start -o "$(printf '%q ' "${@:2}" -c listen_addresses= )"
  export PGUSER=$POSTGRES_USER PGPASSWORD=$POSTGRES_PASSWORD PGHOST=/var/run/postgresql
  local sql=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc)
  if [ "$POSTGRES_DB" != postgres ]; then
    "${sql[@]}" --dbname postgres --set db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) echo "docker-entrypoint: $file"; if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) echo "docker-entrypoint: $file"; "${sql[@]}" --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) echo "docker-entrypoint: $file"; gunzip -c "$file" | "${sql[@]}" --dbname "$POSTGRES_DB" ;;
    esac
  done
  unset PGUSER PGPASSWORD PGHOST
  pg_ctl -D "$PGDATA" -m fast -w stop
}

# `docker run image -c fsync=off` means `postgres -c fsync=off`.
case "${1:-}" in '' | -*) set -- postgres "$@" ;; esac
wants_server=true
[ "$1" = postgres ] || wants_server=false
for word in "$@"; do
  case $word in --help | -'?' | --version | -V | --describe-config | -C) wants_server=false ;; esac
done

if $wants_server; then
  if [ "$(id -u)" = 0 ]; then become_postgres "$@"; fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA" && chmod 0700 "$PGDATA"
    create_cluster
    first_start "$@"
    echo 'docker-entrypoint: the cluster is ready; the server starts'
  fi
fi
exec "$@"
