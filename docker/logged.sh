#!/usr/bin/env bash
# Runs a process of the stack; what it prints goes to the container's log, and to a file that windtunnel follows.
set -euo pipefail
exec "$@" > >(exec tee -a "$WINDTUNNEL_LOGS/$WINDTUNNEL_PROCESS.log") 2>&1
