import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { frame, FrameReader } from './frame.ts';

test('messages come out of a stream as they went in, wherever it is cut', () => {
  const message = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (messages, sizes) => {
      const stream = Buffer.concat(messages.map(frame));
      const reader = new FrameReader();
      const read: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const end = at + sizes[turn % sizes.length]!;
        read.push(...reader.push(stream.subarray(at, end)));
        at = end;
      }
      expect(read).toEqual(messages);
    }),
  );
});
