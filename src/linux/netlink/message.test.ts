import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, cString, u32 } from '../bytes.ts';
import { encodeAttributes } from './attribute.ts';
import { decodeMessages, encodeMessage, endsAnswer, type Message, NetlinkError } from './message.ts';

const EEXIST = 17;
const answer = (type: number, flags: number, ...payload: readonly Uint8Array[]): Message => ({
  type,
  flags,
  sequence: 7,
  payload: concat(payload),
});
const request = (length: number) => concat([u32(length), new Uint8Array(length - 4)]);
const explanation = encodeAttributes([[1, cString('Nexthop has invalid gateway')]]);

test('messages of one datagram are read as they were written', () => {
  const word = fc.integer({ min: 0, max: 0xffff });
  const payload = fc
    .uint8Array({ maxLength: 5 })
    .map((bytes) => concat([bytes, new Uint8Array((8 - bytes.length) % 4)]));
  const message = fc.record({ type: word, flags: word, sequence: fc.nat(), payload });
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      expect(decodeMessages(concat(messages.map(encodeMessage)))).toEqual(messages);
    }),
  );
});

test('bytes that are no messages end the reading', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeMessages(bytes)));
});

test.each([
  { what: 'a part of the answer goes on', message: answer(16, 2, u32(0)), ends: false },
  { what: 'an acknowledgement ends it', message: answer(2, 0x100, u32(0), request(16)), ends: true },
  { what: 'the end of a dump ends it', message: answer(3, 2, u32(0)), ends: true },
  { what: 'so does one without a status', message: answer(3, 2), ends: true },
])('$what', ({ message, ends }) => {
  expect(endsAnswer(message)).toBe(ends);
});

test.each([
  { what: 'the bare error', message: answer(2, 0x100, u32(-EEXIST), request(16)), text: 'File exists' },
  {
    what: 'the explanation after the header of the request',
    message: answer(2, 0x300, u32(-EEXIST), request(16), explanation),
    text: 'File exists: Nexthop has invalid gateway',
  },
  {
    what: 'the explanation after the whole request',
    message: answer(2, 0x200, u32(-EEXIST), request(40), explanation),
    text: 'File exists: Nexthop has invalid gateway',
  },
  {
    what: 'the explanation at the end of a dump',
    message: answer(3, 0x200, u32(-EEXIST), explanation),
    text: 'File exists: Nexthop has invalid gateway',
  },
])('an error is thrown: $what', ({ message, text }) => {
  expect(() => endsAnswer(message)).toThrow(expect.objectContaining({ message: text, code: 'EEXIST' }) as NetlinkError);
});
