import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { composeTable } from '../compose/table.ts';
import { indentJson } from './indent.ts';
import { portsLine } from './ports.ts';
import { alignColumns } from './tabwriter.ts';
import { humanDuration, humanSize } from './units.ts';

describe('tables', () => {
  test('a column is as wide as its widest cell and three, at least ten; the last has no width', () => {
    expect(
      alignColumns([
        ['NETWORK ID', 'NAME', 'X'],
        ['5f1c2a', 'tc-infra-base_default', ''],
        ['é', '', 'long'],
      ]),
    ).toBe(
      'NETWORK ID   NAME                    X\n5f1c2a       tc-infra-base_default   \né                                    long\n',
    );
  });

  test('rows with fewer cells begin new columns', () => {
    expect(alignColumns([['aaaaaaaaaaaaaaa', 'b'], ['c'], ['d', 'e']])).toBe('aaaaaaaaaaaaaaa   b\nc\nd         e\n');
  });

  test("docker-compose's stand their headers in the middle", () => {
    expect(composeTable(['Name', 'Ports'], [['tc-infra-base_h-reg_1', '']])).toBe(
      '        Name            Ports\n-----------------------------\ntc-infra-base_h-reg_1        \n',
    );
  });
});

describe('times and sizes', () => {
  test.each([
    [0.5, 'Less than a second'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, 'About a minute'],
    [3599, '59 minutes'],
    [3600, 'About an hour'],
    [47 * 3600, '47 hours'],
    [72 * 3600, '3 days'],
    [20 * 86400, '2 weeks'],
    [90 * 86400, '3 months'],
    [900 * 86400, '2 years'],
  ])('%s s: %s', (seconds, words) => {
    expect(humanDuration(seconds)).toBe(words);
  });

  test.each([
    [0, '0B'],
    [999, '999B'],
    [1_980_000, '1.98MB'],
    [26_200_000, '26.2MB'],
    [1_000_000_000, '1GB'],
  ])('%s bytes: %s', (bytes, words) => {
    expect(humanSize(bytes)).toBe(words);
  });
});

describe('ports', () => {
  const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = 'tcp') => ({
    PrivatePort,
    Type,
    ...(PublicPort !== undefined && { PublicPort }),
    ...(IP !== undefined && { IP }),
  });

  test.each([
    [[], ''],
    [[port(80), port(81), port(443)], '80-81/tcp, 443/tcp'],
    [[port(5000, 5000, '0.0.0.0'), port(5000, 5000, '::')], '0.0.0.0:5000->5000/tcp, [::]:5000->5000/tcp'],
    [[port(80, 80, '0.0.0.0'), port(81, 81, '0.0.0.0')], '0.0.0.0:80-81->80-81/tcp'],
    [[port(80, 8080, '0.0.0.0'), port(81, 8081, '0.0.0.0')], '0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp'],
    [[port(80, undefined, '0.0.0.0'), port(80, undefined, '::')], '80/tcp'],
    [[port(80, 8080, '127.0.0.1'), port(53, undefined, undefined, 'udp')], '53/udp, 127.0.0.1:8080->80/tcp'],
  ])('%j', (ports, line) => {
    expect(portsLine(ports)).toBe(line);
  });
});

describe('indented JSON', () => {
  test('keeps the order of keys, numbers and escapes', () => {
    expect(indentJson('{"2":1,"1":[12345678901234567890,1.0],"e":{},"l":[ ],"s":"a\\u003c{,:\\"}"}')).toBe(
      '{\n    "2": 1,\n    "1": [\n        12345678901234567890,\n        1.0\n    ],\n    "e": {},\n    "l": [],\n    "s": "a\\u003c{,:\\"}"\n}',
    );
  });

  test('is what JSON.stringify makes of any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(indentJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 4));
      }),
    );
  });
});
