import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commaList, FlagError, integer, list, map, parseFlags, text, toggle } from './flags.ts';

const FLAGS = {
  detach: toggle('', { short: 'd' }),
  interactive: toggle('', { short: 'i' }),
  tty: toggle('', { short: 't' }),
  'sig-proxy': toggle('', { initial: true }),
  name: text(''),
  publish: list('', { short: 'p' }),
  subnet: commaList(''),
  opt: map('', { short: 'o' }),
  time: integer('', { short: 'n' }),
};

const parse = (line: string, interspersed = true) => parseFlags(FLAGS, line.split(' ').filter(Boolean), interspersed);

describe('flags', () => {
  test.each([
    // Switches, alone and together, with and without a value.
    ['-itd', { interactive: true, tty: true, detach: true }],
    ['--detach', { detach: true }],
    ['--detach=false', { detach: false }],
    ['-d=true', { detach: true }],
    ['--sig-proxy=0', { 'sig-proxy': false }],
    // A value behind a space, an equals sign, or the letter.
    ['--name x', { name: 'x' }],
    ['--name=x=y', { name: 'x=y' }],
    ['--name=', { name: '' }],
    ['-p 80:80 -p81:81 -p=82:82', { publish: ['80:80', '81:81', '82:82'] }],
    ['-dp 80', { detach: true, publish: ['80'] }],
    ['--subnet a,b --subnet c', { subnet: ['a', 'b', 'c'] }],
    ['-o a=1 --opt b=2=3', { opt: { a: '1', b: '2=3' } }],
    ['-n5', { time: 5 }],
    ['--time -1', { time: -1 }],
  ])('%s', (line, values) => {
    expect(parse(line).flags).toMatchObject(values);
  });

  test('stand among arguments, or before them only', () => {
    expect(parse('a -d b')).toMatchObject({ args: ['a', 'b'], flags: { detach: true } });
    expect(parse('-d image -i -x', false)).toMatchObject({
      args: ['image', '-i', '-x'],
      flags: { detach: true, interactive: false },
    });
    expect(parse('a -- -d -').args).toEqual(['a', '-d', '-']);
    expect(parse('-').args).toEqual(['-']);
  });

  test('what was given is known, and help is asked for with -h where it is no other flag', () => {
    expect([...parse('--name= -d').given]).toEqual(['name', 'detach']);
    expect([parse('--help').help, parse('-h').help, parse('-dh').help]).toEqual([true, true, true]);
  });

  test.each([
    ['--none', 'unknown flag: --none'],
    ['--constructor', 'unknown flag: --constructor'],
    ['-dz', "unknown shorthand flag: 'z' in -dz"],
    ['--name', 'flag needs an argument: --name'],
    ['-dp', "flag needs an argument: 'p' in -dp"],
    [
      '--detach=maybe',
      'invalid argument "maybe" for "-d, --detach" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['-n x', 'invalid argument "x" for "-n, --time" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  ])('%s: %s', (line, message) => {
    expect(() => parse(line)).toThrow(new FlagError(message));
  });

  test('any words are read or refused', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('-', '--', '-d', '--name', '--opt=', '-p', '=', '--=x'));
    fc.assert(
      fc.property(fc.array(word), fc.boolean(), (words, interspersed) => {
        try {
          parseFlags(FLAGS, words, interspersed);
        } catch (error) {
          expect(error).toBeInstanceOf(FlagError);
        }
      }),
    );
  });
});
