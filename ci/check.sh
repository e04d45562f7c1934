#!/usr/bin/env bash
# How does a step of a workflow run `claimbench check`? action.yml gives its inputs as CHECK_…; an empty one is left out.
# The summary and the outputs go where the runner reads them. Ends as the check does, but for an undecided one that may pass.
set -euo pipefail

# Shown beside the job, and in its log: `annotate error|warning TEXT`
annotate() {
  local text=${2//%/%25}
  text=${text//$'\r'/%0D}
  echo "::$1 title=claimbench check::${text//$'\n'/%0A}"
}

output() { echo "$1=$2" >>"${GITHUB_OUTPUT:-/dev/null}"; }

refuse() {
  annotate error "$2"
  output exit-code "$1"
  exit "$1"
}

# Adds `FLAG LINE` to the words for each line that is not blank: `add_lines FLAG LINES`
add_lines() {
  local line
  while IFS=$' \t\r' read -r line; do
    [ -z "$line" ] || words+=("$1" "$line")
  done <<<"$2"
}

has_commit() { git rev-parse --verify --quiet --end-of-options "$1^{commit}" >/dev/null; }

# Clones of CI hold one commit as a rule. Folders and versions are no business of git's; what is no name at all, the command refuses.
fetch_base() {
  case $base in [./~]* | -* | *:*) return 0 ;; esac
  has_commit "$base" && return 0
  if [ "$base" = HEAD~1 ]; then
    git fetch --quiet --depth=2 origin "$(git rev-parse HEAD)"
    return
  fi
  git fetch --quiet --depth=1 origin "${base#origin/}" || return
  # A branch that this clone does not follow has no name here.
  has_commit "$base" || base=$(git rev-parse FETCH_HEAD)
}

# Whether this folder, or one above, has claimbench installed: where npx looks.
installed() {
  local folder=$PWD
  until [ -e "$folder/node_modules/.bin/claimbench" ]; do
    [ "$folder" != / ] || return 1
    folder=$(dirname "$folder")
  done
}

# The caller's own claimbench; else, as in its own repository, the one that this script belongs to.
choose_cli() {
  if installed; then
    cli=(npx --no-install claimbench)
    return
  fi
  # npm writes this file when it has installed everything.
  if [ ! -e "$GITHUB_ACTION_PATH/node_modules/.package-lock.json" ]; then
    (cd "$GITHUB_ACTION_PATH" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund) || return
  fi
  cli=(node "$GITHUB_ACTION_PATH/cli/main.ts")
}

conclude() {
  case $1 in
    0) exit 0 ;;
    99) annotate error 'This change makes the queue worse than its base; the summary of the job says in what.' ;;
    3) annotate error 'A job was lost, duplicated or reordered; the summary of the job says where.' ;;
    4)
      if [ "${CHECK_UNDECIDED:-warn}" = warn ]; then
        annotate warning 'Too little could be measured for a verdict, so nothing was guarded this time.'
        exit 0
      fi
      annotate error 'Too little could be measured for a verdict.'
      ;;
    1) annotate error 'The check was asked for in a wrong way; the last line of its log says what to mend.' ;;
    *) annotate error "The check failed with exit code $1; the last line of its log says why." ;;
  esac
  exit "$1"
}

cd "${CHECK_FOLDER:-.}" || refuse 1 "working-directory: there is no folder ${CHECK_FOLDER:-.}"
case ${CHECK_UNDECIDED:-warn} in warn | fail) ;; *) refuse 1 "undecided: $CHECK_UNDECIDED: give warn or fail" ;; esac
out=${CHECK_OUT:-out/check}
case $out in
  *$'\n'*) refuse 1 'out: give one line' ;;
  /*) bundle=$out ;;
  *) bundle=$PWD/$out ;;
esac
# Before anything can end this step, so that what there is of a bundle is kept.
output bundle "$bundle"

base=${CHECK_BASE:-HEAD~1}
fetch_base || annotate warning "The base $base could not be fetched from origin; check out with fetch-depth: 0."

cli=()
choose_cli || refuse 2 'npm ci failed for the claimbench of this action; its log says why.'

words=(check --base "$base" --out "$out")
add_lines --budget "${CHECK_BUDGET:-}"
add_lines --config "${CHECK_CONFIG:-}"
add_lines --contender "${CHECK_CONTENDERS:-}"
add_lines --scenario "${CHECK_SCENARIOS:-}"

code=0
"${cli[@]}" "${words[@]}" || code=$?
output exit-code "$code"
if [ -s "$bundle/check/check.md" ]; then
  cat "$bundle/check/check.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
fi
conclude "$code"
