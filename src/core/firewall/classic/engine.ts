import { ENGINE } from '../../plan/owner.ts';
import type { Position } from '../../plan/object.ts';
import { families } from '../family.ts';
import type { FirewallObject, FirewallOptions } from '../layout.ts';
import { ACCEPT, addressType, DOCKER, jump, not, RETURN, Sheet, STAGE_1, STAGE_2, to, USER } from './rules.ts';

/** The base chains, the jumps that lead there, and what FORWARD does with all else. */
export function engineObjects(options: FirewallOptions): FirewallObject[] {
  return families(options).flatMap((family) => {
    const sheet = new Sheet(family, ENGINE);
    filter(sheet, options);
    nat(sheet, options);
    return sheet.objects;
  });
}

const first = (index: number): Position => ({ section: 'first', sequence: 0, index });
const LAST: Position = { section: 'tail', sequence: 0, index: 0 };

function filter(sheet: Sheet, { forwardDrop, acceptMark }: FirewallOptions): void {
  if (forwardDrop) {
    const why =
      'The engine turned the host into a router; what no rule accepts is dropped, so that nobody else is routed through it.';
    sheet.chain('filter', 'FORWARD', why, { policy: 'DROP' });
  }
  sheet.chain('filter', DOCKER, 'Holds one rule for each published port: the only new connections let into a network.');
  sheet.chain(
    'filter',
    STAGE_1,
    'First half of the isolation between networks: notes that a packet leaves its bridge.',
  );
  sheet.chain(
    'filter',
    STAGE_2,
    'Second half of the isolation between networks: drops what would enter another bridge.',
  );
  sheet.chain('filter', USER, "The user's own rules, which the engine never touches.", { open: true });
  sheet.rule(
    { table: 'filter', chain: 'FORWARD', position: first(0) },
    [],
    jump(USER),
    "The user's own rules decide before any of the engine's, so this jump is kept at the head of FORWARD.",
  );
  if (acceptMark) {
    sheet.rule(
      { table: 'filter', chain: 'FORWARD', position: first(1) },
      [{ kind: 'mark', ...acceptMark }],
      ACCEPT,
      "The daemon's configuration says that packets with this mark pass, whatever the networks say.",
    );
  }
  sheet.rule(
    { table: 'filter', chain: 'FORWARD', position: first(2) },
    [],
    jump(STAGE_1),
    'Networks are kept apart before any rule may accept a packet, so this stands in front of all accepting rules.',
  );
  for (const [chain, why] of [
    [STAGE_1, 'What does not go from one network to another is left to the rest of FORWARD.'],
    [STAGE_2, 'What leaves a network for somewhere that is no other network is left to the rest of FORWARD.'],
    [USER, 'What the user has not decided on is left to the rest of FORWARD.'],
  ] as const) {
    sheet.rule({ table: 'filter', chain, position: LAST }, [], RETURN, why);
  }
}

function nat(sheet: Sheet, { userlandProxy }: FirewallOptions): void {
  sheet.chain('nat', DOCKER, 'Holds one translation for each published port.');
  const local = addressType('destination', 'LOCAL');
  sheet.rule(
    { table: 'nat', chain: 'PREROUTING', position: LAST },
    [local],
    jump(DOCKER),
    "Packets that arrive for one of the host's own addresses may be for a published port.",
  );
  const loopback = to(sheet.family === 'ip' ? '127.0.0.0/8' : '::1/128');
  sheet.rule(
    { table: 'nat', chain: 'OUTPUT', position: LAST },
    userlandProxy ? [not(loopback), local] : [local],
    jump(DOCKER),
    userlandProxy
      ? "The host's own packets for one of its addresses may be for a published port; over loopback the userland proxy answers."
      : "The host's own packets for one of its addresses, loopback too, may be for a published port.",
  );
}
