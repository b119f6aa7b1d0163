/** A short shell script that takes a snapshot on a machine without Node, with the same commands. */
import { FORMAT, HOST } from './snapshot.ts';
import { FLOWS, PARTS, PROBES, type Part } from './probes.ts';

/** POSIX sh, for root. Prints the JSON of a snapshot; changes nothing. */
export function snapshotScript(): string {
  return `#!/bin/sh
# Prints a snapshot of this machine's network for 'passerelle doctor --snapshot FILE'.
# It reads, and changes nothing. Run it as root: sh snapshot.sh > snapshot.json
PATH=$PATH:/usr/sbin:/sbin

# Standard input as a JSON string.
quote() {
  printf '"'
  tr -d '\\000-\\010\\013-\\037' | sed -e 's/\\\\/\\\\\\\\/g' -e 's/"/\\\\"/g' -e 's/\t/\\\\t/g' | awk '{ printf "%s\\\\n", $0 }'
  printf '"'
}

# part NAME COMMAND...: "NAME": "what the command prints", if there is such a command.
part() {
  name=$1
  shift
  command -v "$1" > /dev/null || return 0
  printf '%s\\n    "%s": ' "$comma" "$name"
  "$@" 2> /dev/null | quote
  comma=,
}

sysctls() { ${line('sysctls')} | sed -e 's,^/proc/sys/,,' -e 's/:/=/'; }
flows() { command -v conntrack > /dev/null && ${line('conntrack')} | head -n ${FLOWS}; }

# docker TEMPLATE COMMAND...: an object of the lines KEY VALUE that docker prints.
names() {
  printf '{'
  "$@" 2> /dev/null | awk 'NF == 2 { printf "%s\\"%s\\": \\"%s\\"", sep, $1, $2; sep = ", " }'
  printf '}'
}

printf '{ "passerelle": ${FORMAT}, "taken": "%s", "problems": [],\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
printf '  "namespaces": { "${HOST}": {'
comma=
${PARTS.map(step).join('\n')}
printf '\\n  } }'
if command -v docker > /dev/null && docker network ls -q > /dev/null 2>&1; then
  printf ',\\n  "docker": { "networks": '
  names docker network inspect -f '{{if eq .Driver "bridge"}}{{or (index .Options "com.docker.network.bridge.name") (printf "br-%.12s" .Id)}} {{.Name}}{{end}}' $(docker network ls -q)
  printf ', "containers": '
  names docker network inspect -f '{{range .Containers}}{{index (split .IPv4Address "/") 0}} {{.Name}}{{println}}{{end}}' $(docker network ls -q)
  printf ' }'
fi
printf '\\n}\\n'
`;
}

const line = (part: Part): string => PROBES[part].join(' ');

function step(part: Part): string {
  if (part === 'sysctls') return 'part sysctls sysctls';
  if (part === 'conntrack') return 'part conntrack flows';
  return `part ${part} ${line(part)}`;
}
