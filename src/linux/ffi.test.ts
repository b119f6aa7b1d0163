import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { constants } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { close, connect, describeErrno, sendAside, socket, withoutSignals } from './ffi.ts';
import { socketAddress } from './socket.ts';

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

test('without signals a thread gets none, and afterwards those it got before', () => {
  const blocked = () => /^SigBlk:\s*(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
  const before = blocked();
  // SIGKILL (9) and SIGSTOP (19) cannot be, and the C library keeps 32 and 33 for itself.
  expect(withoutSignals(blocked)).toBe('fffffffe7ffbfeff');
  expect(() => withoutSignals(() => close(-1))).toThrow('Bad file descriptor');
  expect(blocked()).toBe(before);
});

test('what is sent aside is kept until it is sent, though nobody refers to it', async () => {
  const SIZE = 16 << 20;
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = socketAddress('127.0.0.1', (server.address() as AddressInfo).port);
  const fd = socket(2, 1, 0);
  connect(fd, address, address.length);
  const [peer] = (await once(server, 'connection')) as [Socket];
  // Nobody reads, so it waits with most of it.
  const sent = new Promise<void>((done) => sendAside(fd, new Uint8Array(SIZE).fill(7), () => (close(fd), done())));
  setFlagsFromString('--expose-gc');
  for (let round = 0; round < 3; round++) {
    await new Promise(setImmediate);
    (runInNewContext('gc') as () => void)();
  }
  let length = 0;
  peer.on('data', (chunk: Buffer) => (length += chunk.every((byte) => byte === 7) ? chunk.length : 0));
  peer.resume();
  await Promise.all([sent, once(peer, 'end')]);
  server.close();
  expect(length).toBe(SIZE);
});
