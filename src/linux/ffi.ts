/**
 * The C library, as typed functions: the only file that loads koffi.
 *
 * A failing call throws SystemError with the error's name and the C library's text for it. All calls
 * here are synchronous and block the calling thread; sockets are given a timeout where they wait.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import koffi, { type LibraryHandle } from 'koffi';

/** A system call that failed: `code` is the error's name (`EEXIST`), the message what strerror says. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, code: string, message: string) {
    super(message);
    this.syscall = syscall;
    this.code = code;
  }
}

/** A shared library by its file name; null: what the process itself is linked with, the C library. */
export function loadLibrary(name: string | null): LibraryHandle {
  return koffi.load(name);
}

const libc = loadLibrary(null);

const strerror = libc.func('const char *strerror(int number)') as (number: number) => string;

/** Ends the process at once. Unlike process.abort it works in a worker thread. */
export const abort: () => void = libc.func('void abort(void)');

const NAMES = getSystemErrorMap();
/** Node's own table stops at the errors that libuv has: no EINPROGRESS. */
const OTHER_NAMES = new Map(Object.entries(constants.errno).map(([name, errno]) => [errno, name]));

const execveFunction = libc.func('int execve(const char *path, const char **arguments, const char **environment)') as (
  path: string,
  arguments_: readonly (string | null)[],
  environment: readonly (string | null)[],
) => number;
const mallocTrim = libc.func('int malloc_trim(size_t pad)') as (pad: number) => number;
/** Gives the system back what the C library keeps of memory that was freed. */
export function trimMemory(): void {
  mallocTrim(0);
}

/** Runs another program in this process. Returns only if it fails: false. */
export function execve(path: string, words: readonly string[], environment: NodeJS.ProcessEnv): false {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  execveFunction(path, [...words, null], [...variables, null]);
  return false;
}

/** The error's name and text for an errno value. */
export function describeErrno(errno: number): { readonly code: string; readonly text: string } {
  return {
    code: NAMES.get(-errno)?.[0] ?? OTHER_NAMES.get(errno) ?? String(errno),
    text: strerror(errno),
  };
}

/** The error that a call told of by -errno. */
export function systemError(syscall: string, errno: number): SystemError {
  const { code, text } = describeErrno(errno);
  return new SystemError(syscall, code, text);
}

/**
 * Declares a C function that returns -1 and sets errno when it fails. It is looked up at its first
 * call, so that a function that an old C library lacks (mknod before glibc 2.33) hurts only its users.
 */
function systemCall(declaration: string): (...args: readonly unknown[]) => number {
  const name = /(\w+)\(/.exec(declaration)?.[1] ?? declaration;
  let call: ((...args: readonly unknown[]) => unknown) | undefined;
  return (...args) => {
    call ??= libc.func(declaration);
    const result = Number(call(...args));
    if (result >= 0) return result;
    throw systemError(name, koffi.errno());
  };
}

/** Like `systemCall`, for what fails all the time and is no error: gives -errno instead of throwing. */
function attempt(declaration: string): (...args: readonly unknown[]) => number {
  let call: ((...args: readonly unknown[]) => unknown) | undefined;
  return (...args) => {
    call ??= libc.func(declaration);
    const result = Number(call(...args));
    return result >= 0 ? result : -koffi.errno();
  };
}

type CFunction = ReturnType<LibraryHandle['func']>;

/** Calls that may be under way at once: koffi allows 256. */
const ASIDE = 200;
/** Koffi refers to nothing that it is given: what is not kept here may be freed before the thread reads it. */
const argumentsAside = new Set<readonly unknown[]>();

/** Calls a function on a thread of the pool; on this one if too many are under way. Its result is not told. */
export function callAside(call: CFunction, values: readonly unknown[], done = (): void => undefined): void {
  if (argumentsAside.size >= ASIDE) {
    call(...values);
    done();
    return;
  }
  argumentsAside.add(values);
  call.async(...values, () => {
    argumentsAside.delete(values);
    done();
  });
}

type Bytes = Uint8Array;

/** Declares a C function that returns an errno value, 0 if it succeeds. It is looked up at its first call. */
function errnoCall(declaration: string): (...args: readonly unknown[]) => void {
  const name = /(\w+)\(/.exec(declaration)?.[1] ?? declaration;
  let call: ((...args: readonly unknown[]) => unknown) | undefined;
  return (...args) => {
    call ??= libc.func(declaration);
    const errno = Number(call(...args));
    if (errno !== 0) throw systemError(name, errno);
  };
}

interface SpawnAttributes {
  init(attributes: Bytes): void;
  destroy(attributes: Bytes): void;
  setFlags(attributes: Bytes, flags: number): void;
  setDefaultSignals(attributes: Bytes, signals: Bytes): void;
  setSignalMask(attributes: Bytes, signals: Bytes): void;
}

/** What a process to be started is: a posix_spawnattr_t. */
export const spawnAttributes: SpawnAttributes = {
  init: errnoCall('int posix_spawnattr_init(_Inout_ void *attributes)'),
  destroy: errnoCall('int posix_spawnattr_destroy(_Inout_ void *attributes)'),
  setFlags: errnoCall('int posix_spawnattr_setflags(_Inout_ void *attributes, short flags)'),
  setDefaultSignals: errnoCall('int posix_spawnattr_setsigdefault(_Inout_ void *attributes, const void *signals)'),
  setSignalMask: errnoCall('int posix_spawnattr_setsigmask(_Inout_ void *attributes, const void *signals)'),
};

interface SpawnActions {
  init(actions: Bytes): void;
  destroy(actions: Bytes): void;
  changeDirectory(actions: Bytes, path: string): void;
  duplicate(actions: Bytes, from: number, to: number): void;
  open(actions: Bytes, fd: number, path: string, flags: number, mode: number): void;
}

/** What it does before its program: a posix_spawn_file_actions_t. */
export const spawnActions: SpawnActions = {
  init: errnoCall('int posix_spawn_file_actions_init(_Inout_ void *actions)'),
  destroy: errnoCall('int posix_spawn_file_actions_destroy(_Inout_ void *actions)'),
  changeDirectory: errnoCall('int posix_spawn_file_actions_addchdir_np(_Inout_ void *actions, const char *path)'),
  duplicate: errnoCall('int posix_spawn_file_actions_adddup2(_Inout_ void *actions, int from, int to)'),
  open: errnoCall(
    'int posix_spawn_file_actions_addopen(_Inout_ void *actions, int fd, const char *path, int flags, int mode)',
  ),
};

const closeFrom = errnoCall('int posix_spawn_file_actions_addclosefrom_np(_Inout_ void *actions, int from)');
/** Lets it close all files from that number on, where the C library can tell it to (glibc since 2.34). */
export function closeFilesFrom(actions: Bytes, from: number): void {
  try {
    closeFrom(actions, from);
  } catch (error) {
    if (error instanceof SystemError) throw error;
  }
}

const posixSpawn = errnoCall(
  'int posix_spawn(_Out_ int *pid, const char *path, const void *actions, const void *attributes, const char **words, const char **environment)',
);
/** Starts a process and gives its pid. */
export function spawn(
  path: string,
  actions: Bytes,
  attributes: Bytes,
  words: readonly string[],
  environment: readonly string[],
): number {
  const pid = new Int32Array(1);
  posixSpawn(pid, path, actions, attributes, [...words, null], [...environment, null]);
  return pid[0]!;
}

const P_PID = 1;
const WEXITED = 4;
/** Leaves the process for Node to reap. */
const WNOWAIT = 0x1000000;
const CLD_EXITED = 1;
const waitid = systemCall('int waitid(int type, unsigned int id, _Out_ void *info, int options)');
/** Waits for the end of a child process: its exit status, or the name of the signal that ended it. */
export function waitForExit(pid: number): string {
  // siginfo_t: si_code is its third number, si_status its seventh.
  const info = new Int32Array(32);
  waitid(P_PID, pid, new Uint8Array(info.buffer), WEXITED | WNOWAIT);
  const status = info[6]!;
  if (info[2] === CLD_EXITED) return String(status);
  return Object.entries(constants.signals).find(([, number]) => number === status)?.[0] ?? `signal ${status}`;
}

const SIG_SETMASK = 2;
/** A sigset_t. */
const SIGNALS = 128;
const signalMask = libc.func('int pthread_sigmask(int how, const void *set, _Out_ void *before)') as (
  how: number,
  set: Uint8Array,
  before: Uint8Array | null,
) => number;
/**
 * Calls what cannot cope with a signal: the thread gets none meanwhile. Children that end send them all the
 * time, and a system call that one interrupts may fail though it has done its work.
 */
export function withoutSignals<T>(run: () => T): T {
  const before = new Uint8Array(SIGNALS);
  signalMask(SIG_SETMASK, new Uint8Array(SIGNALS).fill(255), before);
  try {
    return run();
  } finally {
    signalMask(SIG_SETMASK, before, null);
  }
}

const WNOHANG = 1;
const waitpid = attempt('int waitpid(int pid, void *status, int options)');
/** Takes a child off the kernel's list of processes. False: it has not ended yet. */
export function tryReap(pid: number): boolean {
  return waitpid(pid, null, WNOHANG) !== 0;
}

export const setns: (fd: number, type: number) => number = systemCall('int setns(int fd, int type)');
export const unshare: (flags: number) => number = systemCall('int unshare(int flags)');
export const close: (fd: number) => number = systemCall('int close(int fd)');
const closeFunction = libc.func('int close(int fd)');
/** `close` on a thread of the pool, for what the kernel keeps its closer waiting for. */
export function closeAside(fd: number): void {
  callAside(closeFunction, [fd]);
}
export const flock: (fd: number, operation: number) => number = systemCall('int flock(int fd, int operation)');

export const socket: (domain: number, type: number, protocol: number) => number = systemCall(
  'int socket(int domain, int type, int protocol)',
);
/** `address` is a whole sockaddr, `length` its size in bytes. */
export const bind: (fd: number, address: Bytes, length: number) => number = systemCall(
  'int bind(int fd, const void *address, unsigned int length)',
);
export const listen: (fd: number, backlog: number) => number = systemCall('int listen(int fd, int backlog)');
/** `address` is a whole sockaddr, `length` its size in bytes. */
export const connect: (fd: number, address: Bytes, length: number) => number = systemCall(
  'int connect(int fd, const void *address, unsigned int length)',
);
/** Fills `address`, a whole sockaddr of `length[0]` bytes, with what the socket is bound to. */
export const getsockname: (fd: number, address: Bytes, length: Uint32Array) => number = systemCall(
  'int getsockname(int fd, _Out_ void *address, _Inout_ unsigned int *length)',
);
export const shutdown: (fd: number, how: number) => number = systemCall('int shutdown(int fd, int how)');
/** `shutdown` that gives -errno: -ENOTCONN if the peer has reset the connection meanwhile. */
export const tryShutdown: (fd: number, how: number) => number = attempt('int shutdown(int fd, int how)');
export const setsockopt: (fd: number, level: number, option: number, value: Bytes, length: number) => number =
  systemCall('int setsockopt(int fd, int level, int option, const void *value, unsigned int length)');
/** Fills `value`, which has room for `length[0]` bytes. */
export const getsockopt: (fd: number, level: number, option: number, value: Bytes, length: Uint32Array) => number =
  systemCall('int getsockopt(int fd, int level, int option, _Out_ void *value, _Inout_ unsigned int *length)');
/** Returns the number of bytes sent. */
export const send: (fd: number, data: Bytes, length: number, flags: number) => number = systemCall(
  'intptr_t send(int fd, const void *data, size_t length, int flags)',
);
const sendFunction = libc.func('intptr_t send(int fd, const void *data, size_t length, int flags)');
/** `send` on a thread of the pool, for what the kernel keeps its sender waiting for. What it returns is not told. */
export function sendAside(fd: number, data: Bytes, sent: () => void): void {
  callAside(sendFunction, [fd, data, data.length, 0], sent);
}
/** Gives the new connection's fd, or -errno: -EAGAIN if none waits. */
export const tryAccept: (fd: number, address: null, length: null, flags: number) => number = attempt(
  'int accept4(int fd, void *address, void *length, int flags)',
);
/** `connect` that gives -errno: -EINPROGRESS where the answer is to be waited for. */
export const tryConnect: (fd: number, address: Bytes, length: number) => number = attempt(
  'int connect(int fd, const void *address, unsigned int length)',
);
/** Moves up to `length` bytes between a pipe and a socket. Gives their number, 0 at the end of the data, or -errno. */
export const trySplice: (
  from: number,
  fromOffset: null,
  to: number,
  toOffset: null,
  length: number,
  flags: number,
) => number = attempt(
  'intptr_t splice(int from, void *fromOffset, int to, void *toOffset, size_t length, unsigned int flags)',
);
/** A command of fcntl that takes a number; gives -errno. */
export const tryFcntl: (fd: number, command: number, value: number) => number = attempt(
  'int fcntl(int fd, int command, int value)',
);
export const epollCreate: (flags: number) => number = systemCall('int epoll_create1(int flags)');
/** `event` is a struct epoll_event. */
export const epollControl: (epoll: number, operation: number, fd: number, event: Bytes) => number = systemCall(
  'int epoll_ctl(int epoll, int operation, int fd, const void *event)',
);
/** Waits for up to `timeout` ms, -1: for ever. Gives how many events there are, or -errno: -EINTR. */
export const tryEpollWait: (epoll: number, events: Bytes, count: number, timeout: number) => number = attempt(
  'int epoll_wait(int epoll, _Out_ void *events, int count, int timeout)',
);
export const eventfd: (count: number, flags: number) => number = systemCall(
  'int eventfd(unsigned int count, int flags)',
);
/** `argument` is the structure that the request reads and fills. */
export const ioctl: (fd: number, request: number, argument: Bytes) => number = systemCall(
  'int ioctl(int fd, unsigned long request, _Inout_ void *argument)',
);
/** Waits for one of `count` struct pollfd; returns how many are ready, 0 after `timeout` ms. */
export const poll: (fds: Bytes, count: number, timeout: number) => number = systemCall(
  'int poll(_Inout_ void *fds, unsigned long count, int timeout)',
);
/** `address` is a whole sockaddr, `addressLength` its size in bytes. Returns the number of bytes sent. */
export const sendto: (
  fd: number,
  data: Bytes,
  length: number,
  flags: number,
  address: Bytes,
  addressLength: number,
) => number = systemCall(
  'intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)',
);
/** `sendto` that gives -errno: -EAGAIN where the kernel has no room. */
export const trySendTo: typeof sendto = attempt(
  'intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)',
);
/** Fills `data`, and `address` with up to `addressLength[0]` bytes of the sender's sockaddr; gives the size, or -errno. */
export const tryReceiveFrom: (
  fd: number,
  data: Bytes,
  length: number,
  flags: number,
  address: Bytes,
  addressLength: Uint32Array,
) => number = attempt(
  'intptr_t recvfrom(int fd, _Out_ void *data, size_t length, int flags, _Out_ void *address, _Inout_ unsigned int *addressLength)',
);
/** Returns the number of bytes received; with MSG_TRUNC the datagram's whole size. */
export const recv: (fd: number, data: Bytes, length: number, flags: number) => number = systemCall(
  'intptr_t recv(int fd, _Out_ void *data, size_t length, int flags)',
);
/** `recv` that gives -errno: with MSG_DONTWAIT -EAGAIN if nothing has come. */
export const tryRecv: (fd: number, data: Bytes, length: number, flags: number) => number = attempt(
  'intptr_t recv(int fd, _Out_ void *data, size_t length, int flags)',
);

/** Fills `fds` with the ends of a new pipe: first the one to read from, then the one to write to. */
export const pipe2: (fds: Int32Array, flags: number) => number = systemCall('int pipe2(_Out_ int *fds, int flags)');
/** openat2 has no function in the C library: `number` is its system call number, `how` a `struct open_how`. */
export const openat2: (number: number, directory: number, path: string, how: BigUint64Array, size: number) => number =
  systemCall('long syscall(long number, int directory, const char *path, const void *how, size_t size)');
export const mount: (
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null,
) => number = systemCall(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
export const umount2: (target: string, flags: number) => number = systemCall(
  'int umount2(const char *target, int flags)',
);
/** `device` is a dev_t as the C library's `makedev` packs it. */
export const mknod: (path: string, mode: number, device: bigint) => number = systemCall(
  'int mknod(const char *path, unsigned int mode, uint64_t device)',
);
export const lsetxattr: (path: string, name: string, value: Bytes, size: number, flags: number) => number = systemCall(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
