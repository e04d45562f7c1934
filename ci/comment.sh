#!/usr/bin/env bash
# How does a pull request come by one comment that always tells its latest check? Never fails the job: a fork's token may only read.
set -euo pipefail

summary=$CHECK_BUNDLE/check/check.md
[ -s "$summary" ] || exit 0

# By this the comment is found again, one for each folder that is checked.
mark="<!-- claimbench check of ${CHECK_FOLDER//[!A-Za-z0-9.\/_]/_} -->"
comments=repos/$GITHUB_REPOSITORY/issues
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{ echo "$mark" && cat "$summary"; } >"$body"

# Of the newest one, should there be several; of the token's own alone, as anybody may write the mark.
earlier() {
  gh api --paginate "$comments/$CHECK_PULL_REQUEST/comments" \
    --jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$mark\"))) | .id" | tail -n 1
}

keep() {
  local id
  id=$(earlier) || return
  if [ -n "$id" ]; then
    gh api --silent --method PATCH "$comments/comments/$id" -F "body=@$body"
  else
    gh api --silent --method POST "$comments/$CHECK_PULL_REQUEST/comments" -F "body=@$body"
  fi
}

keep || echo '::warning title=claimbench check::The comment could not be written: give the job pull-requests: write. A pull request from a fork gets none.'
