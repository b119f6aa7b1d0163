#!/bin/sh
# The article's scene: on the real kernel where there is one and root's rights over it, else on a Linux
# in memory, for which Node is enough.
set -eu
cd "$(dirname "$0")/.."

if [ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
  scripts/setup.sh iproute2 iptables nftables runc conmon kmod util-linux docker.io docker-compose \
    docker-registry busybox-static curl
  exec node dist/demo.js "$@"
fi
scripts/setup.sh
exec node dist/demo.js --model "$@"
