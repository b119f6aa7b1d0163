import packet from 'dns-packet';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fitAnswer,
  isAnswerTo,
  nameBytes,
  type Query,
  RCODE,
  readQuery,
  responseCode,
  TYPE,
  withId,
  writeAnswer,
} from './message.ts';

const ask = (name: string, type: packet.RecordType = 'A', additionals: packet.OptAnswer[] = []): Buffer =>
  packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals,
  });
const edns = (udpPayloadSize: number) => ({ type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] }) as never;

function query(message: Buffer): Query {
  const read = readQuery(message);
  if (!read || !('query' in read)) throw new Error('not a query');
  return read.query;
}

const refusal = (message: Buffer): number | undefined => {
  const read = readQuery(message);
  return read && 'refusal' in read ? responseCode(read.refusal) : undefined;
};

describe('reading', () => {
  test('a question, in the letter case that it was asked in', () => {
    expect(query(ask('Web.net-Test', 'AAAA'))).toMatchObject({
      name: 'Web.net-Test',
      type: 28,
      class: 1,
      udpSize: 512,
      edns: false,
    });
  });

  test('the size that an EDNS client takes, at least 512', () => {
    expect(query(ask('a', 'A', [edns(4096)]))).toMatchObject({ udpSize: 4096, edns: true });
    expect(query(ask('a', 'A', [edns(100)]))).toMatchObject({ udpSize: 512, edns: true });
  });

  test('labels that no name of ours has: dots, spaces, bytes beyond ASCII', () => {
    for (const odd of ['a b', 'a.b', 'é', '\0']) {
      const label = Buffer.from(odd, 'latin1');
      const message = Buffer.concat([
        ask('x').subarray(0, 12),
        Buffer.of(label.length),
        label,
        Buffer.of(0, 0, 1, 0, 1),
      ]);
      expect(query(message).name).toBeUndefined();
    }
  });

  test('what is wrong is refused, and an answer or rubbish is not answered at all', () => {
    const good = ask('name');
    const changed = (at: number, ...bytes: number[]) => {
      const message = Buffer.from(good);
      message.set(bytes, at);
      return message;
    };
    expect(readQuery(good.subarray(0, 11))).toBeUndefined();
    expect(readQuery(changed(2, 0x81))).toBeUndefined();
    expect(refusal(changed(2, 0x28))).toBe(RCODE.notImplemented);
    expect(refusal(changed(4, 0, 0))).toBe(RCODE.formatError);
    expect(refusal(changed(4, 0, 2))).toBe(RCODE.formatError);
    expect(refusal(changed(10, 0, 1))).toBe(RCODE.formatError);
    expect(refusal(changed(12, 0xc0))).toBe(RCODE.formatError);
    expect(refusal(changed(12, 0x40))).toBe(RCODE.formatError);
    expect(refusal(good.subarray(0, good.length - 1))).toBe(RCODE.formatError);
    const long = Buffer.concat([
      good.subarray(0, 12),
      ...Array<Buffer>(8).fill(Buffer.alloc(33, 32)),
      good.subarray(-5),
    ]);
    expect(refusal(long)).toBe(RCODE.formatError);
  });

  test('nothing makes it fail', () => {
    const mutated = fc
      .tuple(fc.constantFrom(ask('name'), ask('a.b.c', 'A', [edns(1232)])), fc.array(fc.tuple(fc.nat(40), fc.nat(255))))
      .map(([message, changes]) => {
        const copy = Buffer.from(message);
        for (const [at, byte] of changes) copy[at % copy.length] = byte;
        return copy;
      });
    const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(mutated, anything), (message) => {
        const read = readQuery(message);
        if (!read) return;
        const answer =
          'refusal' in read
            ? read.refusal
            : writeAnswer(read.query, 0, [{ type: TYPE.A, data: Buffer.alloc(4) }], read.query.udpSize);
        expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(answer.readUInt16BE(2) & 0x8000).not.toBe(0);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('writing', () => {
  const addresses = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ type: TYPE.A, data: Uint8Array.of(10, 0, 0, n) }));

  test('addresses for the name, as another decoder reads them', () => {
    const answer = packet.decode(writeAnswer(query(ask('Web', 'A')), RCODE.noError, addresses(2), 512));
    expect(answer).toMatchObject({
      id: 4711,
      rcode: 'NOERROR',
      flag_qr: true,
      flag_aa: false,
      flag_tc: false,
      flag_rd: true,
      flag_ra: true,
      questions: [{ name: 'Web', type: 'A', class: 'IN' }],
      answers: [
        { name: 'Web', type: 'A', ttl: 600, data: '10.0.0.0' },
        { name: 'Web', type: 'A', ttl: 600, data: '10.0.0.1' },
      ],
    });
  });

  test('an EDNS client gets an EDNS answer', () => {
    const answer = packet.decode(writeAnswer(query(ask('a', 'A', [edns(4096)])), RCODE.noError, [], 512));
    expect(answer.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  test('more than fits is truncated, and says so', () => {
    for (const [limit, fit] of [
      [512, 30],
      [1232, 75],
      [65_535, 100],
    ] as const) {
      const bytes = writeAnswer(query(ask('web', 'A')), RCODE.noError, addresses(100), limit);
      const answer = packet.decode(bytes);
      expect(bytes.length).toBeLessThanOrEqual(limit);
      expect([answer.answers?.length, (answer as { flag_tc?: boolean }).flag_tc]).toEqual([fit, fit < 100]);
    }
  });

  test('names', () => {
    expect(Buffer.from(nameBytes('web.net')).toString('latin1')).toBe('\u0003web\u0003net\0');
    for (const wrong of ['', 'a..b', 'x'.repeat(64), Array(64).fill('abc').join('.')]) {
      expect(() => nameBytes(wrong)).toThrow('is not a domain name');
    }
  });
});

describe('handing on', () => {
  const asked = query(ask('Example.org'));
  const answerTo = (message: Buffer, change: Partial<packet.Packet> = {}) =>
    packet.encode({ ...packet.decode(message), type: 'response', ...change });

  test('an answer has the id and the question; letter case may differ', () => {
    const id = 17;
    const sent = withId(asked.message, id);
    expect(isAnswerTo(asked, id, answerTo(sent))).toBe(true);
    expect(isAnswerTo(asked, id, answerTo(sent, { questions: [{ name: 'eXAMPLE.org', type: 'A' }] }))).toBe(true);
    expect(isAnswerTo(asked, id, answerTo(sent, { questions: [{ name: 'other.org', type: 'A' }] }))).toBe(false);
    expect(isAnswerTo(asked, id, answerTo(sent, { questions: [{ name: 'example.org', type: 'AAAA' }] }))).toBe(false);
    expect(isAnswerTo(asked, 18, answerTo(sent))).toBe(false);
    expect(isAnswerTo(asked, id, sent)).toBe(false);
    expect(isAnswerTo(asked, id, Buffer.alloc(5))).toBe(false);
  });

  test('a failure may come without the question, a success may not', () => {
    const bare = Buffer.from([0, 17, 0x80, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(isAnswerTo(asked, 17, bare)).toBe(true);
    bare[3] = 0;
    expect(isAnswerTo(asked, 17, bare)).toBe(false);
  });

  test('an answer that is longer than the client takes is cut and says so', () => {
    const answers = Array.from({ length: 40 }, () => ({ name: 'example.org', type: 'A', data: '192.0.2.1' }) as const);
    const long = answerTo(asked.message, { answers });
    expect(fitAnswer(asked, long, long.length)).toBe(long);
    const cut = packet.decode(fitAnswer(asked, long, 512));
    expect(cut).toMatchObject({ id: 4711, flag_tc: true, answers: [], questions: [{ name: 'Example.org' }] });
  });
});
