import { expect, test } from 'vitest';
import { linkEnvironment, parseLink, renameLinks } from './links.ts';

test.each([
  ['db', { target: 'db', alias: 'db' }],
  ['db:store', { target: 'db', alias: 'store' }],
  ['/db:store', { target: 'db', alias: 'store' }],
  ['/db:/web/store', { target: 'db', alias: 'store' }],
])('%s', (text, link) => expect(parseLink(text)).toEqual(link));

test("a link follows the other container's name and keeps its own alias", () => {
  expect(renameLinks(['db', 'web:db'], 'db', 'store')).toEqual(['store:db', 'web:db']);
  expect(renameLinks(null, 'db', 'store')).toBeNull();
});

/** The listing of dockerd 20.10 for `--link child:my-db`. */
test('the variables of a link', () => {
  const child = {
    alias: 'my-db',
    address: '172.17.0.2',
    config: {
      Env: ['A=1', 'B=x=y', 'PATH=/bin', 'HOME=/root', 'unset'],
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    },
    bindings: { '80/tcp': [{ HostIp: '', HostPort: '9' }], '90/tcp': [] },
  };
  expect(linkEnvironment('parent', child)).toEqual([
    'MY_DB_PORT=udp://172.17.0.2:53',
    'MY_DB_PORT_53_UDP=udp://172.17.0.2:53',
    'MY_DB_PORT_53_UDP_ADDR=172.17.0.2',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_PORT_80_TCP=tcp://172.17.0.2:80',
    'MY_DB_PORT_80_TCP_ADDR=172.17.0.2',
    'MY_DB_PORT_80_TCP_PORT=80',
    'MY_DB_PORT_80_TCP_PROTO=tcp',
    'MY_DB_PORT_90_TCP=tcp://172.17.0.2:90',
    'MY_DB_PORT_90_TCP_ADDR=172.17.0.2',
    'MY_DB_PORT_90_TCP_PORT=90',
    'MY_DB_PORT_90_TCP_PROTO=tcp',
    'MY_DB_NAME=/parent/my-db',
    'MY_DB_ENV_A=1',
    'MY_DB_ENV_B=x=y',
  ]);
});
