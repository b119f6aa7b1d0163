/** How several compose files become one: a later file's keys over an earlier one's, by docker-compose's rules. */
import { scalar } from './document.ts';
import type { Entry, Mapping, Value } from './document.ts';

type Merge = (base: Value, override: Value) => Value;

function isNull(value: Value): boolean {
  return value.kind === 'scalar' && value.value === null;
}

const replace: Merge = (_, override) => override;

/** Keys of both; of a common key, its rule decides. Nothing (`web:` alone) changes nothing; anything else replaces. */
function mappings(rule: (key: string) => Merge = () => replace): Merge {
  return (base, override) => {
    if (base.kind === 'mapping' && isNull(override)) return base;
    if (base.kind !== 'mapping' || override.kind !== 'mapping') return override;
    const entries = new Map(base.entries);
    for (const [key, entry] of override.entries) {
      const before = entries.get(key);
      entries.set(key, before ? { keyAt: entry.keyAt, value: rule(key)(before.value, entry.value) } : entry);
    }
    return { kind: 'mapping', entries, at: override.at };
  };
}

/** Reads a list of `KEY<sign>value` as a mapping, so that both forms merge. */
function asMapping(value: Value, split: (item: string) => [string, string | null]): Value {
  if (value.kind !== 'sequence') return value;
  const entries = new Map<string, Entry>();
  for (const item of value.items) {
    if (item.kind !== 'scalar') return value;
    const [key, text] = split(item.text);
    entries.set(key, { keyAt: item.at, value: scalar(text, item.at) });
  }
  return { kind: 'mapping', entries, at: value.at };
}

function pairs(sign: string): Merge {
  const split = (item: string): [string, string | null] => {
    const at = item.indexOf(sign);
    return at < 0 ? [item, null] : [item.slice(0, at), item.slice(at + 1)];
  };
  return (base, override) => mappings()(asMapping(base, split), asMapping(override, split));
}

/** Lists of names, or mappings by those names. */
function named(each: Merge, given: (at: Value) => Value): Merge {
  const spread = (value: Value): Value => {
    if (value.kind !== 'sequence') return value;
    const entries = new Map<string, Entry>();
    for (const item of value.items) {
      if (item.kind !== 'scalar') return value;
      entries.set(item.text, { keyAt: item.at, value: given(item) });
    }
    return { kind: 'mapping', entries, at: value.at };
  };
  return (base, override) => mappings(() => each)(spread(base), spread(override));
}

function items(value: Value): readonly Value[] {
  return value.kind === 'sequence' ? value.items : [value];
}

/** All items of both; of those with one key, the later. A single value counts as a list of one. */
function lists(keyOf: (item: Value) => string): Merge {
  return (base, override) => {
    if (base.kind === 'mapping' || override.kind === 'mapping') return override;
    const merged = new Map<string, Value>();
    for (const item of [...items(base), ...items(override)]) merged.set(keyOf(item), item);
    return { kind: 'sequence', items: [...merged.values()], at: override.at };
  };
}

function plain(value: Value): string {
  if (value.kind === 'scalar') return value.text;
  if (value.kind === 'sequence') return `[${value.items.map(plain).join(',')}]`;
  return `{${[...value.entries].map(([key, entry]) => `${key}:${plain(entry.value)}`).join(',')}}`;
}

function child(value: Mapping, key: string): string {
  const found = value.entries.get(key)?.value;
  return found ? plain(found) : '';
}

/** The path in the container of a volume or device. */
function target(item: Value): string {
  if (item.kind === 'mapping') return child(item, 'target');
  if (item.kind === 'sequence') return plain(item);
  const parts = item.text.split(':');
  return (parts[1] ?? parts[0]!).replace(/(?<=.)\/+$/, '');
}

function linkAlias(item: Value): string {
  const link = plain(item);
  return link.slice(link.indexOf(':') + 1);
}

const unique = lists(plain);

/** Options of another logging driver mean nothing to the override's. */
const logging: Merge = (base, override) => {
  if (base.kind !== 'mapping' || override.kind !== 'mapping') return override;
  const [before, after] = [child(base, 'driver'), child(override, 'driver')];
  return before && after && before !== after
    ? override
    : mappings((key) => (key === 'options' ? mappings() : replace))(base, override);
};

const network = mappings((key) => (key === 'aliases' || key === 'link_local_ips' ? unique : replace));

const started = (name: Value): Value => ({
  kind: 'mapping',
  entries: new Map([['condition', { keyAt: name.at, value: scalar('service_started', name.at) }]]),
  at: name.at,
});

const deep: Merge = (base, override) => mappings(() => deep)(base, override);

const SERVICE: Readonly<Record<string, Merge>> = {
  environment: pairs('='),
  labels: pairs('='),
  sysctls: pairs('='),
  extra_hosts: pairs(':'),
  depends_on: named(replace, started),
  networks: named(network, (name) => scalar(null, name.at)),
  ulimits: mappings(),
  storage_opt: mappings(),
  healthcheck: mappings(),
  logging,
  deploy: deep,
  build: deep,
  volumes: lists(target),
  devices: lists(target),
  links: lists(linkAlias),
  ports: unique,
  cap_add: unique,
  cap_drop: unique,
  expose: unique,
  external_links: unique,
  volumes_from: unique,
  device_cgroup_rules: unique,
  profiles: unique,
  security_opt: unique,
  secrets: unique,
  configs: unique,
  dns: unique,
  dns_search: unique,
  env_file: unique,
  tmpfs: unique,
};

export const mergeServices: Merge = mappings((key) => (Object.hasOwn(SERVICE, key) ? SERVICE[key]! : replace));

/** Services are merged key by key; a network, volume, … of the later file replaces the earlier one. */
export const mergeFiles: Merge = mappings((section) =>
  section === 'services' ? mappings(() => mergeServices) : mappings(),
);
