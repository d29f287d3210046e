#!/bin/sh
# A soak for any CI system: what the workflow .github/workflows/soak.yml does, for one build.
#
#   bin/nightly.sh [BUILD] [SCENARIO] [DURATION] [more options of `windtunnel soak`]
#
# Goes on where it was if the folder of an earlier start is there: a job that is started again after a crash loses nothing.
#   SOAK_DIR      the folder to keep as an artefact (default: runs/nightly-DATE)
#   SOAK_SUMMARY  a file that soak.md is added to, such as $GITHUB_STEP_SUMMARY
# exit: 0 pass · 1 fail: the build broke a promise · 2 usage · 3 unknown · 4 the stack could not be run
set -eu
cd "$(dirname "$0")/.."
build=${1:-airflow@3.3.2}
scenario=${2:-seeds}
duration=${3:-8h}
if [ $# -gt 3 ]; then shift 3; else shift $#; fi
folder=${SOAK_DIR:-runs/nightly-$(date -u +%Y%m%d)}

[ -d node_modules ] || npm ci
code=0
if [ -f "$folder/soak.json" ]; then
  node bin/windtunnel.mjs soak --resume "$folder" || code=$?
else
  node bin/windtunnel.mjs soak "$scenario" --build "$build" --duration "$duration" --out "$folder" "$@" || code=$?
fi
if [ -f "$folder/soak.md" ]; then
  cat "$folder/soak.md"
  if [ -n "${SOAK_SUMMARY:-}" ]; then cat "$folder/soak.md" >>"$SOAK_SUMMARY"; fi
fi
exit "$code"
