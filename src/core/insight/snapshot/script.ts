/** A short shell script that takes a snapshot on a machine without Node, with the same commands. */
import { FORMAT, HOST, INSIDE } from './snapshot.ts';
import { FLOWS, PARTS, PROBES, SANDBOX_PARTS, type Part } from './probes.ts';

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

# Words before each command: nothing, or what enters a container's network.
enter=

# part NAME COMMAND...: "NAME": "what the command prints", if there is such a command.
part() {
  name=$1
  shift
  command -v "$1" > /dev/null || return 0
  printf '%s\\n    "%s": ' "$comma" "$name"
  case $1 in
    sysctls | flows) "$@" ;;
    *) $enter "$@" ;;
  esac 2> /dev/null | quote
  comma=,
}

sysctls() { $enter ${line('sysctls')} | sed -e 's,^/proc/sys/,,' -e 's/:/=/'; }
flows() { command -v conntrack > /dev/null && ${line('conntrack')} | head -n ${FLOWS}; }

# docker TEMPLATE COMMAND...: an object of the lines KEY VALUE that docker prints.
names() {
  printf '{'
  "$@" 2> /dev/null | awk 'NF == 2 { printf "%s\\"%s\\": \\"%s\\"", sep, $1, $2; sep = ", " }'
  printf '}'
}

# Containers on the host's network, and those on another one's: NAME WHOSE.
on_host() {
  docker inspect -f '{{.HostConfig.NetworkMode}} {{.Name}}' $running | while read -r mode container; do
    [ "$mode" = host ] && printf '%s host\\n' "\${container#/}"
  done
}
shared() {
  docker inspect -f '{{.HostConfig.NetworkMode}} {{.Name}}' $running | while read -r mode container; do
    case $mode in container:*) docker inspect -f "\${container#/} {{index (split .Name \\"/\\") 1}}" "\${mode#container:}" ;; esac
  done
}

printf '{ "passerelle": ${FORMAT}, "taken": "%s", "problems": [],\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
printf '  "namespaces": { "${HOST}": {'
comma=
${PARTS.map(step).join('\n')}
printf '\\n  }'
has_docker=
command -v docker > /dev/null && docker network ls -q > /dev/null 2>&1 && has_docker=1
running=
[ -z "$has_docker" ] || running=$(docker ps -q)
if command -v nsenter > /dev/null; then
  [ -z "$running" ] || docker inspect -f '{{.State.Pid}} {{.HostConfig.NetworkMode}} {{.Name}}' $running | while read -r pid mode container; do
    # Those that share a network have no place of their own.
    case $mode in host | container:*) continue ;; esac
    enter="nsenter --net=/proc/$pid/ns/net"
    printf ',\\n  "${INSIDE}%s": {' "\${container#/}"
    comma=
${SANDBOX_PARTS.map((part) => `    ${step(part)}`).join('\n')}
    printf '\\n  }'
  done
fi
printf ' }'
if [ -n "$has_docker" ]; then
  printf ',\\n  "docker": { "networks": '
  names docker network inspect -f '{{if eq .Driver "bridge"}}{{or (index .Options "com.docker.network.bridge.name") (printf "br-%.12s" .Id)}} {{.Name}}{{end}}' $(docker network ls -q)
  printf ', "containers": '
  names docker network inspect -f '{{range $c := .Containers}}${ends('.Name')}{{end}}' $(docker network ls -q)
  printf ', "addresses": '
  names docker network inspect -f '{{$network := .Name}}{{range .Containers}}${ends('$network')}{{end}}' $(docker network ls -q)
  printf ', "onHost": '
  names on_host
  printf ', "shared": '
  names shared
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

/** A line for each address of an endpoint, with a word behind it. */
const ends = (word: string): string =>
  ['IPv4Address', 'IPv6Address']
    .map(
      (field) =>
        `{{with .${field}}}{{index (split . "/") 0}} {{${word.startsWith('$') ? word : `$c${word}`}}}{{println}}{{end}}`,
    )
    .join('');
