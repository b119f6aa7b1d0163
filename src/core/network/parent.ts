/** The options of the macvlan and ipvlan drivers, whose containers' links are children of a link of the host. */
import { EngineError } from './error.ts';
import { isLinkName, LINK_NAME_RULE } from './name.ts';
import type { Labels, NetworkRecord, ParentSettings } from './network.ts';
import { badOption, integerOption } from './option.ts';

export type ParentDriver = 'macvlan' | 'ipvlan';

const PARENT = 'parent';
const MODES: Readonly<Record<ParentDriver, readonly string[]>> = {
  macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
};
const FLAGS: readonly string[] = ['bridge', 'private', 'vepa'];
const LARGEST_TAG = 4094;

export interface ParentContext {
  readonly id: string;
  /** The names of the host's links. */
  readonly hostLinks: readonly string[];
  readonly networks: readonly NetworkRecord[];
}

export function isParentDriver(driver: string): driver is ParentDriver {
  return Object.hasOwn(MODES, driver);
}

/** Without a parent the network gets one that leads nowhere; `eth0.10` is made if it is not there. */
export function parseParent(driver: ParentDriver, options: Labels, context: ParentContext): ParentSettings {
  const mode = choice(driver, 'mode', MODES[driver], options);
  const flag = driver === 'ipvlan' ? choice(driver, 'flag', FLAGS, options) : '';
  const mtu = integerOption(options, 'com.docker.network.driver.mtu') ?? 0;
  const settings = { mode, ...(flag && flag !== 'bridge' ? { flag } : {}), ...(mtu > 0 ? { mtu } : {}) };
  const parent = options[PARENT] || '';
  if (parent === '')
    return { ...settings, parent: `${DUMMY[driver]}${context.id.slice(0, 12)}`, made: { kind: 'dummy' } };
  if (parent === 'lo') throw refusal(`loopback interface is not a valid ${driver} parent link`);
  if (!isLinkName(parent)) throw badOption(PARENT, parent, `a link name has ${LINK_NAME_RULE}`);
  refuseTaken(parent, driver, context.networks);
  if (context.hostLinks.includes(parent)) return { ...settings, parent };
  return { ...settings, parent, made: subinterface(parent, context.hostLinks) };
}

/** Whether containers' links route by themselves: there is no gateway, and nothing but the subnet is on the link. */
export function isLayer3({ parent }: NetworkRecord): boolean {
  return parent?.mode.startsWith('l3') ?? false;
}

/** The names of parents that lead nowhere: Docker's, whose error messages bear them. */
const DUMMY: Readonly<Record<ParentDriver, string>> = { macvlan: 'dm-', ipvlan: 'di-' };

function choice(driver: ParentDriver, what: 'mode' | 'flag', choices: readonly string[], options: Labels): string {
  const [first = ''] = choices;
  const value = options[`${driver}_${what}`] || first;
  if (choices.includes(value)) return value;
  throw refusal(
    `requested ${driver} ${what} '${value}' is not valid, '${first}' ${what} is the ${driver} driver default`,
  );
}

/** A link of the host carries the children of one network only. */
function refuseTaken(parent: string, driver: ParentDriver, networks: readonly NetworkRecord[]): void {
  const other = networks.find((network) => network.driver === driver && network.parent?.parent === parent);
  if (other) {
    throw new EngineError(
      'forbidden',
      `network ${DUMMY[driver]}${other.id.slice(0, 12)} is already using parent interface ${parent}`,
    );
  }
}

/** `eth0.10`: a VLAN on `eth0`, tagged 10. */
function subinterface(name: string, hostLinks: readonly string[]): NonNullable<ParentSettings['made']> {
  const [parent = '', tag = '', ...rest] = name.split('.');
  if (rest.length > 0 || !parent || !tag) {
    throw refusal(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  }
  if (!/^\d+$/.test(tag)) throw refusal(`unable to parse a valid vlan id from: ${tag} (ex. eth0.10 for vlan 10)`);
  const vlan = Number(tag);
  if (vlan < 1 || vlan > LARGEST_TAG) throw refusal(`vlan id must be between 1-${LARGEST_TAG}, received: ${tag}`);
  if (!hostLinks.includes(parent)) throw refusal(`-o parent interface was not found on the host: ${parent}`);
  return { kind: 'vlan', parent, vlan };
}

const refusal = (text: string): EngineError => new EngineError('internal', text);
