import { RuntimeError } from '../../../core/engine/runtime.ts';
import type { OciUser } from './config.ts';

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Who a process runs as. `spec` is `[user][:group]`, each a name or a number; `passwd` and `group` are
 * the texts of the container's files, empty if there are none. A number needs no entry, a name does.
 * With a group of its own, the user's memberships do not count; `add` always does.
 */
export function resolveUser(spec: string, add: readonly string[], passwd: string, group: string): OciUser {
  const [userPart = '', groupPart = ''] = spec.split(':');
  const accounts = parsePasswd(passwd);
  const groups = parseGroup(group);

  const wantedUid = numberOf(userPart || '0');
  const account =
    accounts.find(({ name }) => userPart !== '' && name === userPart) ?? accounts.find(({ uid }) => uid === wantedUid);
  const uid = account?.uid ?? wantedUid;
  if (uid === undefined) {
    throw new RuntimeError(`unable to find user ${userPart}: no matching entries in passwd file`);
  }

  const groupId = (name: string): number => {
    const gid = groups.find((entry) => entry.name === name)?.gid ?? numberOf(name);
    if (gid === undefined) throw new RuntimeError(`unable to find group ${name}: no matching entries in group file`);
    return gid;
  };
  const gid = groupPart === '' ? (account?.gid ?? 0) : groupId(groupPart);
  const memberships = groupPart === '' && account ? groups.filter(({ members }) => members.includes(account.name)) : [];
  const additionalGids = [...new Set([gid, ...memberships.map((entry) => entry.gid), ...add.map(groupId)])];
  return { uid, gid, additionalGids };
}

function parsePasswd(text: string): readonly Account[] {
  return lines(text).flatMap(([name = '', , uid = '', gid = '']) => {
    const numbers = [numberOf(uid), numberOf(gid)];
    return numbers[0] === undefined || numbers[1] === undefined ? [] : [{ name, uid: numbers[0], gid: numbers[1] }];
  });
}

function parseGroup(text: string): readonly Group[] {
  return lines(text).flatMap(([name = '', , gid = '', members = '']) => {
    const number = numberOf(gid);
    return number === undefined ? [] : [{ name, gid: number, members: members.split(',').filter(Boolean) }];
  });
}

function lines(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function numberOf(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  if (number > 0x7fffffff) throw new RuntimeError('uids and gids must be in range 0-2147483647');
  return number;
}
