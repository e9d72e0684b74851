#!/usr/bin/env bash
# Installs Prometheus and promtool where a test needs them: Debian and Ubuntu, as root. What is there is kept.
# The package would start a server of its own on port 9090; nobody asked for that.
set -euo pipefail

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo 'install-prometheus.sh knows Debian and Ubuntu only; on macOS: brew install prometheus' >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends prometheus >/dev/null
promtool --version
