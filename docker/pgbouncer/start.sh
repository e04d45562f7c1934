#!/bin/sh
# How does PgBouncer get its users, when no password is to lie in the repository? From the environment, at the start.
set -eu
umask 077
# In a name or password of this file a quote is written twice.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/"/""/g')"; }
printf '%s %s\n' "$(quoted "$DB_USER")" "$(quoted "$DB_PASSWORD")" > /tmp/userlist.txt
exec pgbouncer /etc/claimbench/pgbouncer.ini
