import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { close, describeErrno } from './ffi.ts';

const { EAGAIN, EEXIST, EINPROGRESS } = constants.errno;

test.each([
  { errno: EEXIST, code: 'EEXIST', text: 'File exists' },
  // EWOULDBLOCK is the same number.
  { errno: EAGAIN, code: 'EAGAIN', text: 'Resource temporarily unavailable' },
  // libuv has no such error.
  { errno: EINPROGRESS, code: 'EINPROGRESS', text: 'Operation now in progress' },
  { errno: 4000, code: '4000', text: 'Unknown error 4000' },
])('errno $errno is $code', ({ errno, code, text }) => {
  expect(describeErrno(errno)).toEqual({ code, text });
});

test('a call that fails throws, with its name', () => {
  expect(() => close(-1)).toThrow(
    expect.objectContaining({ syscall: 'close', code: 'EBADF', message: 'Bad file descriptor' }) as Error,
  );
});
