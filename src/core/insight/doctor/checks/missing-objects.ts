import { groupBy } from '../../../plan/group.ts';
import type { Entry } from '../../explain/entry.ts';
import type { Check, Concerns } from '../finding.ts';

/** What records call for, and what is not there or is otherwise. */
export const missingObjects: Check = ({ entries, host }) => {
  const wrong = entries.filter(({ state, object }) => {
    if (state === 'different') return true;
    // Without the module there is no such setting: another check tells it.
    const isBridgeSetting = object.kind === 'sysctl' && object.name.startsWith('net/bridge/');
    return state === 'missing' && !(isBridgeSetting && !host.sysctls.has(object.name));
  });
  return [...groupBy(wrong, ({ owner }) => `${owner.kind} ${owner.name}`).values()].map((group) => {
    const { owner } = group[0]!;
    const whose = owner.kind === 'engine' ? 'of the engine itself' : `of ${owner.kind} ${owner.name}`;
    const count = group.length === 1 ? 'One object' : `${group.length} objects`;
    const concerns = concernsOf(group[0]!);
    return {
      severity: 'error' as const,
      what: `${count} ${whose} ${group.length === 1 ? 'is' : 'are'} missing or changed: ${group[0]!.why}`,
      proof: group.map(({ text, state, found }) =>
        state === 'missing' ? `missing: ${text}` : `${text}; there is ${found}`,
      ),
      first: 'passerelle doctor --fix',
      ...(concerns && { concerns }),
    };
  });
};

function concernsOf({ owner: { kind, name } }: Entry): Concerns | undefined {
  switch (kind) {
    case 'network':
      return { networks: [name] };
    case 'sandbox':
      return { containers: [name] };
    case 'endpoint': {
      const [container = '', network = ''] = name.split(' on ');
      return { containers: [container], networks: [network] };
    }
    default:
      return undefined;
  }
}
