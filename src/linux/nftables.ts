/** nftables through its own library, in process: a transaction costs a fraction of a process's start. */
import { constants } from 'node:os';
import { callAside, describeErrno, loadLibrary, withoutSignals } from './ffi.ts';

const NFT_CTX_DEFAULT = 0;
const NFT_CTX_OUTPUT_JSON = 1 << 4;

/** One command of libnftables' JSON schema (libnftables-json(5)): `{ add: { table: { … } } }`. */
export type NftCommand = Readonly<Record<string, unknown>>;

/** A transaction that nftables refused, in its own words, with the first command that it refuses. */
export class NftError extends Error {
  override readonly name = 'NftError';
  /** The kernel's error name (`EEXIST`); empty if the library itself refuses. */
  readonly code: string;
  /** The index of the first refused command; undefined if none is refused any more. */
  readonly index: number | undefined;

  constructor(message: string, code: string, index: number | undefined) {
    super(message);
    this.code = code;
    this.index = index;
  }
}

type Context = object | null;

interface Library {
  readonly create: (flags: number) => Context;
  /** Frees it on a thread of the pool. */
  readonly free: (context: Context) => void;
  readonly setOutput: (context: Context, flags: number) => void;
  readonly setDryRun: (context: Context, dry: boolean) => void;
  readonly bufferOutput: (context: Context) => number;
  readonly bufferError: (context: Context) => number;
  readonly run: (context: Context, commands: string) => number;
  readonly output: (context: Context) => string;
  readonly error: (context: Context) => string;
}

interface Result {
  readonly failed: boolean;
  readonly output: string;
  readonly error: string;
}

let library: Library | undefined;

function load(): Library {
  let handle;
  try {
    handle = loadLibrary('libnftables.so.1');
  } catch (error) {
    throw new NftError(`nftables' library is missing: install libnftables1 (${String(error)})`, 'ENOENT', undefined);
  }
  const free = handle.func('void nft_ctx_free(void *context)');
  return {
    create: handle.func('void *nft_ctx_new(uint32_t flags)'),
    free: (context) => callAside(free, [context]),
    setOutput: handle.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)'),
    setDryRun: handle.func('void nft_ctx_set_dry_run(void *context, bool dry)'),
    bufferOutput: handle.func('int nft_ctx_buffer_output(void *context)'),
    bufferError: handle.func('int nft_ctx_buffer_error(void *context)'),
    run: handle.func('int nft_run_cmd_from_buffer(void *context, const char *commands)'),
    output: handle.func('const char *nft_ctx_get_output_buffer(void *context)'),
    error: handle.func('const char *nft_ctx_get_error_buffer(void *context)'),
  };
}

/**
 * A conversation with nftables in the namespace that the thread is in at the first `run`. The kernel
 * makes whoever closes one wait for all that it deleted (8 to 17 ms): another thread does.
 */
export class Nftables {
  #context: Context = null;

  /** Does the commands as one transaction, all or none. Returns the answers to `list` commands. Throws NftError. */
  run(commands: readonly NftCommand[]): readonly NftCommand[] {
    const { failed, output, error } = this.#run(commands, false);
    if (failed) throw this.#refusal(commands, error);
    return output === '' ? [] : (JSON.parse(output) as { nftables: readonly NftCommand[] }).nftables;
  }

  /** Does lines in nftables' own language as one transaction. Throws NftError, whose index is the refused line's. */
  runLines(lines: readonly string[]): void {
    const { failed, error } = this.#runText(lines.join('\n'), false);
    if (!failed) return;
    // An error shows the line that it is about.
    const index = lines.findIndex((line) => error.includes(`\n${line}\n`));
    throw new NftError(error.trim().split('\n')[0] ?? '', codeOf(error), index < 0 ? undefined : index);
  }

  close(): void {
    if (this.#context) library?.free(this.#context);
    this.#context = null;
  }

  #run(commands: readonly NftCommand[], dry: boolean): Result {
    return this.#runText(JSON.stringify({ nftables: commands }), dry);
  }

  #runText(text: string, dry: boolean): Result {
    const nft = (library ??= load());
    const context = (this.#context ??= open(nft));
    nft.setDryRun(context, dry);
    // Interrupted while it looks for the kernel's refusals, the library reports a failure of what was done.
    const status = withoutSignals(() => nft.run(context, text));
    return { failed: status !== 0, output: nft.output(context), error: nft.error(context) };
  }

  /** The library's JSON errors bear no position: the shortest beginning that is refused tells the command. */
  #refusal(commands: readonly NftCommand[], error: string): NftError {
    const words = error.trim().replace(/^internal:0:0-0: /gm, '');
    const code = codeOf(error);
    const isRefused = (count: number) => this.#run(commands.slice(0, count), true).failed;
    if (!isRefused(commands.length)) return new NftError(words, code, undefined);
    let accepted = 0;
    let refused = commands.length;
    while (refused - accepted > 1) {
      const middle = (accepted + refused) >> 1;
      if (isRefused(middle)) refused = middle;
      else accepted = middle;
    }
    const command = JSON.stringify(commands[accepted]);
    return new NftError(`${words}, at command ${refused}: ${command}`, code, accepted);
  }
}

/** Errors by the C library's text for them, as nftables tells them. */
const ERRNO: ReadonlyMap<string, string> = new Map(
  Object.entries(constants.errno).map(([code, errno]) => [describeErrno(errno).text, code]),
);

function codeOf(error: string): string {
  return [...ERRNO].find(([text]) => error.includes(text))?.[1] ?? '';
}

function open(nft: Library): Context {
  const context = nft.create(NFT_CTX_DEFAULT);
  nft.setOutput(context, NFT_CTX_OUTPUT_JSON);
  nft.bufferOutput(context);
  nft.bufferError(context);
  return context;
}
