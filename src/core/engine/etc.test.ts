import { describe, expect, test } from 'vitest';
import {
  hostsFile,
  insideResolvConf,
  outsideResolvConf,
  parseResolvConf,
  printResolvConf,
  updateHosts,
} from './etc.ts';

const NOTHING = { dns: [], dnsSearch: [], dnsOptions: [] };
const HOST = parseResolvConf('nameserver 192.0.2.53\nsearch example.org lan\noptions timeout:1 attempts:2\n');

test('hosts: the fixed lines, then one for each entry', () => {
  const text = hostsFile([{ address: '172.18.0.2', names: ['web.example.org', 'web'] }]);
  expect(text.split('\n')).toEqual([
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    '172.18.0.2\tweb.example.org web',
    '',
  ]);
});

test('hosts, brought up to date: our own lines come and go, all others stay as they are', () => {
  const before = hostsFile([
    { address: '192.0.2.7', names: ['extra'] },
    { address: '172.17.0.2', names: ['db', 'child'] },
    { address: '172.17.0.3', names: ['web'] },
  ]);
  const edited = `${before}# by hand\n10.0.0.9 web\n10.0.0.8\tother web\n\n\n10.0.0.7\tlast`;
  const entries = [
    { address: '172.17.0.9', names: ['db', 'kid'] },
    { address: '172.17.0.3', names: ['web'] },
    { address: '172.18.0.2', names: ['web'] },
  ];
  const after = updateHosts(edited, entries, new Set(['web', 'db']));
  expect(after.split('\n').slice(6)).toEqual([
    '192.0.2.7\textra',
    '172.17.0.3\tweb',
    '# by hand',
    '10.0.0.9 web',
    '10.0.0.8\tother web',
    '',
    '',
    '10.0.0.7\tlast',
    '172.17.0.9\tdb kid',
    '172.18.0.2\tweb',
    '',
  ]);
  expect(updateHosts(after, entries, new Set(['web', 'db']))).toBe(after);
});

test('hosts: the fixed lines are no container’s own, even one that is called localhost', () => {
  const text = hostsFile([{ address: '172.17.0.2', names: ['localhost'] }]);
  expect(updateHosts(text, [], new Set(['localhost']))).toBe(hostsFile([]));
});

describe('resolv.conf', () => {
  test('is read as the C library reads it: comments and unknown lines passed over, the last search counts', () => {
    expect(
      parseResolvConf(
        [
          '# nameserver 192.0.2.1',
          'nameserver 192.0.2.2 # the first',
          ' nameserver\t2001:db8::1',
          'nameserver',
          'domain old.example',
          'search a.example b.example ; c.example',
          'sortlist 10.0.0.0',
          'options ndots:2',
          'options rotate',
        ].join('\n'),
      ),
    ).toEqual({
      servers: ['192.0.2.2', '2001:db8::1'],
      search: ['a.example', 'b.example'],
      options: ['ndots:2', 'rotate'],
    });
  });

  test('what is printed reads the same', () => {
    expect(parseResolvConf(printResolvConf(HOST))).toEqual(HOST);
    expect(printResolvConf({ servers: ['192.0.2.1'], search: [], options: [] })).toBe('nameserver 192.0.2.1\n');
  });

  test('outside of our networks: the host’s servers that are not on loopback, else public ones', () => {
    expect(outsideResolvConf(HOST, NOTHING)).toEqual(HOST);
    const stub = parseResolvConf('nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.9\n');
    expect(outsideResolvConf(stub, NOTHING).servers).toEqual(['192.0.2.9']);
    expect(outsideResolvConf(parseResolvConf('nameserver 127.0.0.53\n'), NOTHING).servers).toEqual([
      '8.8.8.8',
      '8.8.4.4',
    ]);
  });

  test('what was asked for goes before the host’s; a dot asks for no search at all', () => {
    expect(outsideResolvConf(HOST, { dns: ['127.0.0.1'], dnsSearch: ['.'], dnsOptions: ['rotate'] })).toEqual({
      servers: ['127.0.0.1'],
      search: [],
      options: ['rotate'],
    });
  });

  test('on our networks: ours, which wants single names too', () => {
    expect(insideResolvConf(HOST, { ...NOTHING, dns: ['192.0.2.1'] })).toEqual({
      servers: ['127.0.0.11'],
      search: ['example.org', 'lan'],
      options: ['timeout:1', 'attempts:2', 'ndots:0'],
    });
    expect(insideResolvConf(HOST, { ...NOTHING, dnsOptions: ['ndots:5'] }).options).toEqual(['ndots:5']);
  });
});
