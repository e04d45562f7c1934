#!/bin/sh
# How does Redis get its password, when command lines are seen by all? By its configuration, which it reads from its input.
set -eu
# In a string of this file a quote and a backslash have a backslash before them.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
# The official image's entrypoint gives up root; an image without one has no root to give up.
if command -v docker-entrypoint.sh >/dev/null; then set -- docker-entrypoint.sh; else set --; fi
exec "$@" redis-server - <<CONFIGURATION
appendonly yes
appendfsync always
requirepass $(quoted "$REDISCLI_AUTH")
CONFIGURATION
