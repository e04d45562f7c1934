# How do the container tests get an engine and images, where a machine has neither? Sourced by .ci/run.
# Nothing here fails the run: each step is bounded in time, says in a line what is missing, and those tests skip.

# Debian keeps dockerd, and the iptables that it runs, where the path of many an account does not lead.
PATH=$PATH:/usr/sbin:/sbin

engine_pid=
engine_folder=
engine_policy=
machine_socket=/var/run/docker.sock

dockerd_runs() { grep -qxs dockerd /proc/[0-9]*/comm; }

# A socket that is refused is what a dead engine left. Any other failure may be that of a slow one, or of another account's.
socket_answers() {
  [ -e "$machine_socket" ] || return 1
  local code=0
  timeout 10 node -e 'require("net").connect(process.argv[1]).on("connect", () => process.exit(0))
    .on("error", ({ code }) => process.exit(code === "ECONNREFUSED" ? 3 : 0))' "$machine_socket" || code=$?
  [ "$code" != 3 ]
}

# Whether an engine is the machine's or somebody's choice, be it slow or ill: then none is started beside it.
foreign_engine() { [ -n "${DOCKER_HOST:-}${DOCKER_CONTEXT:-}" ] || dockerd_runs || socket_answers; }

# An engine of our own, unless there is one. Its socket and data lie in a folder that goes with it; in /tmp, as a socket's
# path has 107 bytes at most.
start_engine() {
  timeout 20 docker info >/dev/null 2>&1 && return 0
  foreign_engine && return 1
  [ "$(id -u)" = 0 ] || return 1
  command -v dockerd >/dev/null 2>&1 || return 1
  engine_folder=$(mktemp -d /tmp/claimbench-engine.XXXXXX)
  export DOCKER_HOST="unix://$engine_folder/docker.sock"
  dockerd -H "$DOCKER_HOST" --data-root "$engine_folder/data" --exec-root "$engine_folder/run" --pidfile "$engine_folder/pid" \
    >"$engine_folder/log" 2>&1 &
  engine_pid=$!
  for _ in $(seq 60); do
    kill -0 "$engine_pid" 2>/dev/null || return 1
    timeout 5 docker info >/dev/null 2>&1 && return 0
    sleep 0.5
  done
  return 1
}

# Debian's package would start an engine as a service, and that would outlive this run.
install_engine() {
  local policy=/usr/sbin/policy-rc.d
  command -v dockerd >/dev/null 2>&1 && return
  if [ "$(id -u)" != 0 ] || [ -e "$policy" ]; then install dockerd docker.io; return; fi
  engine_policy=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  install dockerd docker.io
  remove_policy
}

# The one that we made. At the end of the run too: it may end while apt-get runs.
remove_policy() {
  [ -z "$engine_policy" ] || rm -f "$engine_policy"
  engine_policy=
}

# Ends the engine that start_engine started, and no other. An engine asked to end first ends its containers.
stop_engine() {
  if [ -n "$engine_pid" ]; then
    kill "$engine_pid" 2>/dev/null || true
    for _ in $(seq 60); do kill -0 "$engine_pid" 2>/dev/null || break; sleep 0.5; done
    kill -KILL "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    engine_pid=
    # It ends with its engine, but not with one that was killed.
    local below
    below=$(cat "$engine_folder/run/containerd/containerd.pid" 2>/dev/null || true)
    if [ -n "$below" ] && grep -qs containerd "/proc/$below/comm"; then kill -KILL "$below" 2>/dev/null || true; fi
  fi
  if [ -n "$engine_folder" ]; then
    # What an engine that was killed left mounted would hold the folder.
    awk -v at="$engine_folder/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
    rm -rf "$engine_folder" || true
    engine_folder=
    unset DOCKER_HOST
  fi
}

# After npm ci. Published images are taken as they are where the engine has them.
build_images() {
  timeout 900 npm run --silent docker:stand-in -- all --pg 18,17 || return 1
  # Once here, so that no test waits for npm ci in a container; it stays in the engine's cache.
  DOCKER_BUILDKIT=0 timeout 300 docker build --quiet --network host -f docker/Dockerfile \
    --build-arg NODE_IMAGE=claimbench/stand-in-node:24 . >/dev/null 2>&1 || return 1
}

prepare_docker() {
  timeout 20 docker info >/dev/null 2>&1 || install_engine
  install docker-compose docker-compose
  if ! start_engine; then
    echo 'ci: no Docker engine answers and none could be started; its tests will be skipped'
    [ -z "$engine_folder" ] || tail -n 1 "$engine_folder/log"
    return 0
  fi
  # Testcontainers would fetch its helper image from a registry that may not be reached.
  [ -n "$(timeout 10 docker images --quiet testcontainers/ryuk 2>/dev/null)" ] || export TESTCONTAINERS_RYUK_DISABLED=true
  build_images || echo 'ci: not all container images could be built; the tests that need them will be skipped'
}
