/** nftables through its own library, in process: a transaction costs a fraction of a process's start. */
import { loadLibrary } from './ffi.ts';
import { withNamespace } from './namespace.ts';

const NFT_CTX_DEFAULT = 0;
const NFT_CTX_OUTPUT_JSON = 1 << 4;

/** One command of libnftables' JSON schema (libnftables-json(5)): `{ add: { table: { … } } }`. */
export type NftCommand = Readonly<Record<string, unknown>>;

/** A transaction that nftables refused, in its own words, with the first command that it refuses. */
export class NftError extends Error {
  override readonly name = 'NftError';
  /** The index of the first refused command; undefined if none is refused any more. */
  readonly index: number | undefined;

  constructor(message: string, index: number | undefined) {
    super(message);
    this.index = index;
  }
}

type Context = object | null;

interface Library {
  readonly create: (flags: number) => Context;
  readonly free: (context: Context) => void;
  readonly setOutput: (context: Context, flags: number) => void;
  readonly setDryRun: (context: Context, dry: boolean) => void;
  readonly bufferOutput: (context: Context) => number;
  readonly bufferError: (context: Context) => number;
  readonly run: (context: Context, commands: string) => number;
  readonly output: (context: Context) => string;
  readonly error: (context: Context) => string;
}

let library: Library | undefined;

function load(): Library {
  let handle;
  try {
    handle = loadLibrary('libnftables.so.1');
  } catch (error) {
    throw new NftError(`nftables' library is missing: install libnftables1 (${String(error)})`, undefined);
  }
  return {
    create: handle.func('void *nft_ctx_new(uint32_t flags)'),
    free: handle.func('void nft_ctx_free(void *context)'),
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
 * Does the commands as one transaction, all or none, in the namespace at `path` (undefined: the
 * thread's own). Returns the answers to `list` commands. Throws NftError.
 */
export function runNftables(commands: readonly NftCommand[], path?: string): readonly NftCommand[] {
  const nft = (library ??= load());
  const run = (count: number, dry: boolean) => {
    const context = nft.create(NFT_CTX_DEFAULT);
    try {
      nft.setOutput(context, NFT_CTX_OUTPUT_JSON);
      nft.setDryRun(context, dry);
      nft.bufferOutput(context);
      nft.bufferError(context);
      const status = nft.run(context, JSON.stringify({ nftables: commands.slice(0, count) }));
      return { failed: status !== 0, output: nft.output(context), error: nft.error(context) };
    } finally {
      nft.free(context);
    }
  };
  // The context's socket belongs to the namespace that the context is made in.
  const transaction = () => {
    const { failed, output, error } = run(commands.length, false);
    if (!failed) return output;
    // The library's JSON errors bear no position: look for the shortest beginning that is refused.
    const index = commands.findIndex((_, at) => run(at + 1, true).failed);
    const words = error.trim().replace(/^internal:0:0-0: /gm, '');
    if (index < 0) throw new NftError(words, undefined);
    throw new NftError(`${words}, at command ${index + 1}: ${JSON.stringify(commands[index])}`, index);
  };
  const output = path === undefined ? transaction() : withNamespace(path, transaction);
  return output === '' ? [] : (JSON.parse(output) as { nftables: readonly NftCommand[] }).nftables;
}
