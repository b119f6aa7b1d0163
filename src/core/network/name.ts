import { EngineError } from './error.ts';

const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** What the kernel takes (HOST_NAME_MAX). */
const LONGEST_HOSTNAME = 64;
/** IFNAMSIZ less the closing zero. */
const LONGEST_LINK_NAME = 15;

/** The name without a leading slash. */
export function checkContainerName(name: string): string {
  const bare = name.replace(/^\//, '');
  if (CONTAINER_NAME.test(bare)) return bare;
  throw new EngineError('invalid', `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

/** Hostnames go into /etc/hosts and /etc/hostname as they are: nothing in them may end a word or a line. */
export function checkHostname(name: string): string {
  if (name.length <= LONGEST_HOSTNAME && !/[\s\p{Cc}#]/u.test(name)) return name;
  const rule = `at most ${LONGEST_HOSTNAME} characters, none of them white space, "#" or a control character`;
  throw new EngineError('invalid', `invalid hostname: ${JSON.stringify(name)} (${rule})`);
}

export function checkNetworkName(name: string): string {
  if (name.trim() !== '') return name;
  throw new EngineError('invalid', `invalid name: ${name}`);
}

/**
 * What the kernel takes, less what iptables would read otherwise: a leading `-` or `!`, a trailing `+`, quotes;
 * and `%`, which the kernel itself reads as a pattern.
 */
const LINK_NAME = /^[\w.@][\w.@-]*$/;

export const LINK_NAME_RULE = `at most ${LONGEST_LINK_NAME} letters, digits, "_", ".", "-" or "@", not beginning with "-"`;

/** Whether a link may bear the name, with `room` characters to spare. */
export function isLinkName(name: string, room = 0): boolean {
  return LINK_NAME.test(name) && name.length + room <= LONGEST_LINK_NAME && name !== '.' && name !== '..';
}
