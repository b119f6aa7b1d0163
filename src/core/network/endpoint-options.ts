/** Driver options of one container's place on a network, which all drivers read. */
import type { Labels } from './network.ts';
import { isLinkName, LINK_NAME_RULE } from './name.ts';
import { badOption } from './option.ts';

const NAME = 'com.docker.network.endpoint.ifname';
const SYSCTLS = 'com.docker.network.endpoint.sysctls';

/** `net.ipv4.conf.IFNAME.forwarding=1`: only settings of the place's own link. docker's `--network` says it in small letters. */
const SETTING = /^net\.(\w+)\.(\w+)\.(?:IFNAME|ifname)\.(\w+)=([\w .:/-]*)$/;

export interface EndpointOptions {
  /** The name of the container's link; empty: the next one of the network's prefix. */
  readonly interfaceName: string;
  /** Settings of the container's link, in the order in which they are written. */
  readonly sysctls: readonly { readonly name: (link: string) => string; readonly value: string }[];
}

export function parseEndpointOptions(options: Labels): EndpointOptions {
  const interfaceName = options[NAME] ?? '';
  if (interfaceName && (!isLinkName(interfaceName) || interfaceName === 'lo')) {
    throw badOption(NAME, interfaceName, `a container's link has ${LINK_NAME_RULE}, and is not "lo"`);
  }
  return { interfaceName, sysctls: (options[SYSCTLS] ?? '').split(',').filter(Boolean).map(parseSysctl) };
}

function parseSysctl(text: string): EndpointOptions['sysctls'][number] {
  const [, family, group, setting, value = ''] = SETTING.exec(text) ?? [];
  if (!family) {
    throw badOption(SYSCTLS, text, 'a setting of the link is written as in net.ipv4.conf.IFNAME.log_martians=1');
  }
  return { name: (link) => `net/${family}/${group}/${link}/${setting}`, value };
}
