import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpolate, InterpolationError } from './interpolate.ts';

const SET: Readonly<Record<string, string>> = { NAME: 'web', EMPTY: '', TAG: '2.7.1', OTHER: 'o' };
const variables = (name: string): string | undefined => (Object.hasOwn(SET, name) ? SET[name] : undefined);

describe('values with variables', () => {
  test.each([
    // A name, with braces and without.
    ['$NAME', 'web'],
    ['${NAME}', 'web'],
    ['registry:${TAG}', 'registry:2.7.1'],
    ['$NAME-$TAG', 'web-2.7.1'],
    // Two dollar signs are one.
    ['$$NAME', '$NAME'],
    ['$$$NAME', '$web'],
    ['100%', '100%'],
    // A word where there is no value; with the colon also where it is empty.
    ['${NONE-word}', 'word'],
    ['${NONE:-word}', 'word'],
    ['${EMPTY-word}', ''],
    ['${EMPTY:-word}', 'word'],
    ['${NAME:-word}', 'web'],
    ['${NONE:-}', ''],
    // A word where there is a value.
    ['${NAME+word}', 'word'],
    ['${NONE+word}', ''],
    ['${EMPTY+word}', 'word'],
    ['${EMPTY:+word}', ''],
    // An error where there is none.
    ['${NAME?needed}', 'web'],
    ['${EMPTY?needed}', ''],
    // Words with variables in them.
    ['${NONE:-${OTHER}}', 'o'],
    ['${NONE:-a${NONE2:-b}c}', 'abc'],
    ['${NAME:-${NONE?never asked}}', 'web'],
    ['${NONE:-a b/c:d}', 'a b/c:d'],
    ['${NONE:-$$5}', '$5'],
  ])('%s is %s', (template, text) => {
    expect(interpolate(template, variables).text).toBe(text);
  });

  test('names what is not set and has no word, once', () => {
    expect(interpolate('$NONE ${NONE} ${GONE} ${W:-x} ${NAME:-$UNUSED}', variables).unset).toEqual(['NONE', 'GONE']);
  });

  test.each(['$', '${', '${}', '${NAME', '${NAME:}', '$ NAME', '${1}', '${NAME:-', '${NAME:-${OTHER}', '$1', '${A!b}'])(
    '%s is no template',
    (template) => {
      expect(() => interpolate(template, variables)).toThrow(
        expect.objectContaining({ kind: 'format', message: template }),
      );
    },
  );

  test.each([
    ['${NONE?}', 'NONE'],
    ['${NONE:?say it}', 'say it'],
    ['${EMPTY:?say it}', 'say it'],
    ['${NONE?set $NAME}', 'set web'],
  ])('%s is an error that says %s', (template, message) => {
    expect(() => interpolate(template, variables)).toThrow(expect.objectContaining({ kind: 'required', message }));
  });

  test('any text is replaced or refused', () => {
    const piece = fc.constantFrom('$', '{', '}', '${', 'NAME', ':-', '-', '?', ':?', '+', '$$', ' ', 'é', ':');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 400 }).map((pieces) => pieces.join('')),
        ),
        (template) => {
          try {
            interpolate(template, variables);
          } catch (error) {
            expect(error).toBeInstanceOf(InterpolationError);
          }
        },
      ),
    );
  });

  test('dollar signs that are doubled come out as they were', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(interpolate(text.replaceAll('$', '$$$$'), variables).text).toBe(text);
      }),
    );
  });

  test('words within words end somewhere', () => {
    expect(() => interpolate('${A-'.repeat(100_000), variables)).toThrow(InterpolationError);
  });
});
