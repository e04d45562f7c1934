#!/bin/sh
# How does a container know its server? CLAIMBENCH_SERVER is the --server of each command that takes one and was given none.
case "${1:-}" in
  '' | -* | help | list | report | compare | init) ;;
  *)
    case " $* " in
      *' --server '* | *' --server='* | *' --help '* | *' -h '*) ;;
      *)
        if [ -n "${CLAIMBENCH_SERVER:-}" ]; then
          command=$1
          shift
          set -- "$command" --server "$CLAIMBENCH_SERVER" "$@"
        fi
        ;;
    esac
    ;;
esac
# Node reads the TypeScript as it is: only types are to be left out.
exec node /app/cli/main.ts "$@"
