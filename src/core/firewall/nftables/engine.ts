import type { Desired, NftObject } from '../../plan/object.ts';
import { ENGINE } from '../../plan/owner.ts';
import { families } from '../family.ts';
import type { FirewallOptions } from '../layout.ts';
import type { NftBase } from '../nft/ruleset.ts';
import type { Family } from '../rule.ts';
import { Sheet } from './sheet.ts';
import {
  ACCEPT,
  among,
  concat,
  destination,
  dnat,
  DROP,
  established,
  inLink,
  is,
  isNot,
  jump,
  marked,
  MASQUERADE,
  notAmong,
  outLink,
  port,
  protocol,
  RETURN,
  rule,
  snat,
  source,
  toOneself,
  translated,
  untranslated,
  verdictFrom,
} from './vocabulary.ts';

/**
 * The table, its sets and maps, empty, and its chains: whatever networks there are, these are all the
 * rules. Options change rules only, so that a start with others leaves nothing behind.
 */
export function engineObjects(options: FirewallOptions): Desired<NftObject>[] {
  return families(options).flatMap((family) => {
    const sheet = new Sheet(family, ENGINE);
    sheet.table("The engine's own table, so that it and others do not touch each other's rules.");
    filter(sheet, options);
    translation(sheet, options);
    protection(sheet, options);
    return [...sheet.objects];
  });
}

/** `dstnat` and `srcnat` by their numbers: an output chain knows no name for the first. */
const RAW = -300;
const DSTNAT = -100;
const FILTER = 0;
const SRCNAT = 100;

/** What no chain of ours drops stays accepted: a policy here would decide for everybody's packets. */
const base = (type: string, hook: string, priority: number): NftBase => ({ type, hook, priority, policy: 'accept' });

const address = (family: Family): string => (family === 'ip' ? 'ipv4_addr' : 'ipv6_addr');
const LINK = 'ifname';
const PORT = ['inet_proto', 'inet_service'] as const;

function filter(sheet: Sheet, { acceptMark }: FirewallOptions): void {
  const { family } = sheet;
  const between = concat(inLink, outLink);
  sheet.set('bridges', [LINK], 'The bridges of networks that have a way out.');
  sheet.set('internal', [LINK], 'The bridges of internal networks.');
  sheet.set('talking', [LINK, LINK], 'The bridges, each with itself, whose containers may talk to each other.');
  sheet.set(
    'linked',
    [address(family), address(family), ...PORT],
    'The containers, each with the port of another that it may call as it is linked to it.',
  );
  sheet.set('published', [address(family), ...PORT], 'The ports of containers that new connections may be made to.');
  sheet.map('entering', [LINK], ['verdict'], "What to do with what enters a bridge, by its network's gateway mode.");
  sheet.openChain('user', "The user's own rules, which the engine never touches.");
  sheet.chain(
    'published',
    undefined,
    [
      rule(
        'Published ports are the only ones that new connections are let in to.',
        among(concat(destination(family), protocol, port), 'published'),
        ACCEPT,
      ),
      rule('What nobody published is not reached.', DROP),
    ],
    'Where new connections to containers are let in or not.',
  );
  sheet.chain(
    'routed',
    undefined,
    [
      rule(
        'Containers of routed networks have addresses of their own in the world, and answer to ping.',
        is(protocol, family === 'ip' ? 'icmp' : 'ipv6-icmp'),
        ACCEPT,
      ),
      rule('All else is reached by published ports.', jump('published')),
    ],
    'Where what enters a routed network is let in or not.',
  );
  sheet.chain(
    'forward',
    base('filter', 'forward', FILTER),
    [
      rule(
        "The user's own rules decide before any of the engine's: a drop there is final, an accept spares the rules below.",
        jump('user'),
      ),
      ...(acceptMark
        ? [
            rule(
              "The daemon's configuration says that packets with this mark pass, whatever the networks say.",
              marked(acceptMark),
              ACCEPT,
            ),
          ]
        : []),
      rule(
        'Answers and later packets of accepted connections pass; it is asked first as most packets are of that kind.',
        established,
        ACCEPT,
      ),
      rule(
        'Containers of one network may talk to each other, but where icc is off.',
        among(between, 'talking'),
        ACCEPT,
      ),
      rule(
        'Where icc is off, linked containers may call the ports that the other one exposes.',
        among(concat(source(family), destination(family), protocol, port), 'linked'),
        ACCEPT,
      ),
      rule('Nothing leaves an internal network.', among(inLink, 'internal'), DROP),
      rule('Nothing from outside enters an internal network.', among(outLink, 'internal'), DROP),
      rule(
        'Networks are isolated from each other, and containers where icc is off: they meet through published ports of the host only.',
        among(inLink, 'bridges'),
        among(outLink, 'bridges'),
        untranslated,
        DROP,
      ),
      rule('New connections to containers are let in by what their network allows.', verdictFrom(outLink, 'entering')),
      rule('Containers may reach the outside.', among(inLink, 'bridges'), ACCEPT),
    ],
    'What is forwarded from and to containers. What is neither is left to others.',
  );
}

function translation(sheet: Sheet, { userlandProxy }: FirewallOptions): void {
  const { family } = sheet;
  const loopback = family === 'ip' ? { prefix: { addr: '127.0.0.0', len: 8 } } : '::1';
  sheet.map('ports', [...PORT], [address(family), 'inet_service'], "Ports published on all of the host's addresses.");
  sheet.map(
    'ports-at',
    [address(family), ...PORT],
    [address(family), 'inet_service'],
    "Ports published on one of the host's addresses.",
  );
  sheet.set('masqueraded', [LINK], "The bridges whose packets get the host's address when they leave.");
  sheet.map('sources', [LINK], [address(family)], 'The bridges whose packets get a chosen address when they leave.');
  sheet.set('hairpins', [address(family), address(family)], 'Containers with published ports, each with itself.');
  sheet.chain(
    'publish',
    undefined,
    [
      rule(
        'A port that is published on this address goes to its container: one look-up, whatever the number of ports.',
        dnat(family, concat(destination(family), protocol, port), 'ports-at'),
      ),
      rule(
        'A port that is published on every address goes to its container.',
        dnat(family, concat(protocol, port), 'ports'),
      ),
    ],
    'Where published ports are translated.',
  );
  sheet.chain(
    'prerouting',
    base('nat', 'prerouting', DSTNAT),
    [
      ...(userlandProxy
        ? [
            rule(
              "Containers that call a published port by the host's address are not translated but answered by the userland proxy.",
              among(inLink, 'bridges'),
              RETURN,
            ),
          ]
        : []),
      rule(
        "Packets that arrive for one of the host's own addresses may be for a published port.",
        toOneself,
        jump('publish'),
      ),
    ],
    'What arrives for published ports.',
  );
  sheet.chain(
    'output',
    base('nat', 'output', DSTNAT),
    [
      userlandProxy
        ? rule(
            "The host's own packets for one of its addresses may be for a published port; over loopback the userland proxy answers.",
            isNot(destination(family), loopback),
            toOneself,
            jump('publish'),
          )
        : rule(
            "The host's own packets for one of its addresses, loopback too, may be for a published port.",
            toOneself,
            jump('publish'),
          ),
    ],
    'What the host itself sends to published ports.',
  );
  sheet.chain(
    'postrouting',
    base('nat', 'postrouting', SRCNAT),
    [
      rule(
        "A container that calls its own published port gets the host's address as its caller: it would not take an answer to itself from outside.",
        among(concat(source(family), destination(family)), 'hairpins'),
        MASQUERADE,
      ),
      rule(
        "A container that calls another's published port gets the host's address as its own: the answer must come back through the host.",
        among(inLink, 'bridges'),
        among(outLink, 'bridges'),
        translated,
        MASQUERADE,
      ),
      ...(userlandProxy || family === 'ip6'
        ? []
        : [
            rule(
              "Without the userland proxy, what the host sends over loopback gets the bridge's address: a container could not answer to 127.0.0.1.",
              is(source(family), loopback),
              among(outLink, 'bridges'),
              MASQUERADE,
            ),
          ]),
      rule('What stays among containers keeps its source.', among(outLink, 'bridges'), RETURN),
      rule('Networks with a chosen address leave with that.', snat(inLink, 'sources')),
      rule(
        "Networks leave with the host's address, as nobody outside knows the way to theirs.",
        among(inLink, 'masqueraded'),
        MASQUERADE,
      ),
    ],
    'The source that packets leave with.',
  );
}

function protection(sheet: Sheet, { allowDirectRouting }: FirewallOptions): void {
  const { family } = sheet;
  sheet.set('protected', [address(family)], 'Containers that other machines do not reach by their own address.');
  sheet.set('doors', [address(family), LINK], 'The links that a protected container is reached over.');
  sheet.set('loopback-ports', [address(family), ...PORT], 'Ports that are published on loopback alone.');
  sheet.chain(
    'raw',
    base('filter', 'prerouting', RAW),
    allowDirectRouting
      ? []
      : [
          rule(
            'A port that is published on loopback alone is not reached by a neighbour on the link with a forged destination.',
            isNot(inLink, 'lo'),
            among(concat(destination(family), protocol, port), 'loopback-ports'),
            DROP,
          ),
          rule(
            'Other machines reach containers through published ports of the host only; it is asked here, where a packet still has the destination that it was sent to.',
            among(destination(family), 'protected'),
            notAmong(concat(destination(family), inLink), 'doors'),
            DROP,
          ),
        ],
    'What is refused before anything else looks at it.',
  );
}
