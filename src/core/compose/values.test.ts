import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalizePath, resolvePath } from './path.ts';
import { parsePort } from './ports.ts';
import { splitWords } from './shellwords.ts';
import { parseDuration, parseSize } from './units.ts';

describe('ports', () => {
  const show = (spec: string): string[] =>
    parsePort(spec).map(
      ({ hostIp, published, target, protocol }) => `${hostIp}|${published ?? ''}|${target}|${protocol}`,
    );

  test.each([
    ['80', ['||80|tcp']],
    ['8080:80', ['|8080|80|tcp']],
    ['8080:80/udp', ['|8080|80|udp']],
    ['127.0.0.1:8080:80', ['127.0.0.1|8080|80|tcp']],
    ['127.0.0.1::80', ['127.0.0.1||80|tcp']],
    ['[::1]:8080:80', ['::1|8080|80|tcp']],
    // Ranges of one length map one to one, a range to one port is a choice.
    ['3000-3001', ['||3000|tcp', '||3001|tcp']],
    ['9090-9091:8080-8081', ['|9090|8080|tcp', '|9091|8081|tcp']],
    ['8000-8010:80', ['|8000-8010|80|tcp']],
  ])('%s', (spec, ports) => {
    expect(show(spec)).toEqual(ports);
  });

  test.each([
    ['', 'Invalid port ""'],
    ['a:b', 'Invalid port "a:b"'],
    ['80:', 'Invalid port "80:"'],
    ['8000-8002:80-81', "Port ranges don't match in length"],
    ['1:80/foo', 'Invalid protocol "foo"'],
    ['70000', 'Invalid port "70000"'],
    ['0', 'Invalid port "0"'],
    ['82-80', 'Invalid port "82-80"'],
    ['1:2:3:4', 'Invalid port "1:2:3:4"'],
  ])('%s is refused: %s', (spec, message) => {
    expect(() => parsePort(spec)).toThrow(message);
  });
});

describe('sizes and times', () => {
  test.each([
    ['64m', 64 * 1024 ** 2],
    ['64MB', 64 * 1024 ** 2],
    ['1.5g', 1.5 * 1024 ** 3],
    ['1GiB', 1024 ** 3],
    ['10b', 10],
    ['10', 10],
    ['-1', undefined],
    ['m', undefined],
    ['1x', undefined],
  ])('%s is %s bytes', (size, bytes) => {
    expect(parseSize(size)).toBe(bytes);
  });

  test.each([
    ['10s', 10e9],
    ['1m30s', 90e9],
    ['1.5h', 5400e9],
    ['250ms', 250e6],
    ['0s', 0],
    ['10', undefined],
    ['s', undefined],
  ])('%s is %s nanoseconds', (duration, nanoseconds) => {
    expect(parseDuration(duration)).toBe(nanoseconds);
  });
});

describe('words of a command', () => {
  test.each([
    ['sleep 600', ['sleep', '600']],
    ["sh -c 'echo $A; exit'", ['sh', '-c', 'echo $A; exit']],
    ['a "b \\"c\\" \\d" e\\ f', ['a', 'b "c" \\d', 'e f']],
    ["a''b '' \"\"", ['ab', '', '']],
    ['  ', []],
    ["it's", undefined],
    ['"open', undefined],
    ['back\\', undefined],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test('quoted words come back', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
        expect(splitWords(line)).toEqual(words);
      }),
    );
  });
});

describe('paths', () => {
  test.each([
    ['/a/./b/../c//d/', '/a/c/d'],
    ['/../x', '/x'],
    ['../x', '../x'],
    ['a/..', '.'],
  ])('%s is %s', (path, normal) => {
    expect(normalizePath(path)).toBe(normal);
  });

  test.each([
    ['./d', '/p/d'],
    ['..', '/'],
    ['/abs', '/abs'],
    ['~/x', '/home/me/x'],
    ['~x', '/p/~x'],
  ])('%s from /p is %s', (path, resolved) => {
    expect(resolvePath('/p', path, '/home/me')).toBe(resolved);
  });
});
