import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { command, ExitError } from '../command.ts';
import type { Command, Context, Group } from '../command.ts';
import { EngineFailure } from '../client/client.ts';
import { list, text, toggle } from '../flags.ts';
import { inspectAll } from '../inspect.ts';
import { printListing } from '../print/listing.ts';
import type { Listing } from '../print/listing.ts';
import { humanDuration, humanSize, localTime } from '../print/units.ts';
import { api, confirm, filterQuery } from '../requests.ts';
import { FORMAT } from './format.ts';
import { pullImage, showProgress, splitReference, withTag } from './pull.ts';

interface ImageSummary {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly Containers: number;
}

/** An image has a line for each of its names. */
interface ImageLine extends ImageSummary {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

function linesOf(image: ImageSummary, digests: boolean): readonly ImageLine[] {
  const none = '<none>';
  const named = image.RepoTags?.filter((each) => each !== `${none}:${none}`) ?? [];
  const digestOf = (repository: string): string =>
    image.RepoDigests?.find((each) => each.startsWith(`${repository}@`))?.split('@')[1] ?? none;
  if (named.length > 0)
    return named.map((each) => {
      const { name, tag } = splitReference(each);
      return { ...image, repository: name, tag, digest: digestOf(name) };
    });
  const repositories = (image.RepoDigests ?? []).map((each) => each.split('@')[0]!).filter((each) => each !== none);
  if (repositories.length === 0 || !digests)
    return [{ ...image, repository: repositories[0] ?? none, tag: none, digest: none }];
  return repositories.map((repository) => ({ ...image, repository, tag: none, digest: digestOf(repository) }));
}

function listing(trunc: boolean, digests: boolean, now: number): Listing<ImageLine> {
  return {
    type: '*formatter.imageContext',
    headers: {
      ID: 'IMAGE ID',
      Repository: 'REPOSITORY',
      Tag: 'TAG',
      Digest: 'DIGEST',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      Size: 'SIZE',
      Containers: 'CONTAINERS',
      SharedSize: 'SHARED SIZE',
      UniqueSize: 'UNIQUE SIZE',
      VirtualSize: 'SIZE',
    },
    table: `{{.Repository}}\t{{.Tag}}\t${digests ? '{{.Digest}}\t' : ''}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    quiet: '{{.ID}}',
    columns: (image) => ({
      ID: trunc ? image.Id.replace(/^sha256:/, '').slice(0, 12) : image.Id,
      Repository: image.repository,
      Tag: image.tag,
      Digest: image.digest,
      CreatedSince: image.Created > 0 ? `${humanDuration(now / 1000 - image.Created)} ago` : 'N/A',
      CreatedAt: localTime(image.Created * 1000),
      Size: humanSize(image.Size),
      Containers: image.Containers >= 0 ? String(image.Containers) : 'N/A',
      SharedSize: image.SharedSize >= 0 ? humanSize(image.SharedSize) : 'N/A',
      UniqueSize: image.SharedSize >= 0 ? humanSize(image.Size - image.SharedSize) : 'N/A',
      VirtualSize: humanSize(image.Size),
    }),
  };
}

const ls = command({
  name: 'image ls',
  aliases: ['image list', 'images'],
  summary: 'List images',
  operands: '[REPOSITORY[:TAG]]',
  arity: { least: 0, most: 1 },
  flags: {
    all: toggle('Show all images (default hides intermediate images)', { short: 'a' }),
    digests: toggle('Show digests'),
    filter: list('Filter output based on conditions provided', { short: 'f', placeholder: 'filter' }),
    format: FORMAT,
    'no-trunc': toggle("Don't truncate output"),
    quiet: toggle('Only show image IDs', { short: 'q' }),
  },
  examples: [
    ['images', 'All images'],
    ['images --format "{{.Repository}}:{{.Tag}}" busybox', 'The tags of one'],
  ],
  async run(context, { flags, args: [reference] }) {
    const filters = filterQuery([...flags.filter, ...(reference ? [`reference=${reference}`] : [])]);
    const images = await context.client.json<ImageSummary[]>('GET', '/images/json', {
      query: { all: flags.all ? 1 : undefined, filters },
    });
    const lines = images.flatMap((image) => linesOf(image, flags.digests));
    context.out.write(printListing(listing(!flags['no-trunc'], flags.digests, context.now()), lines, flags));
    return 0;
  },
});

const pull = command({
  name: 'image pull',
  aliases: ['pull'],
  summary: 'Download an image from a registry',
  operands: 'NAME[:TAG|@DIGEST]',
  arity: { least: 1, most: 1 },
  flags: { quiet: toggle('Suppress verbose output', { short: 'q' }) },
  examples: [
    ['pull busybox:1', 'A tag'],
    ['pull localhost:5000/app', 'From a registry of your own'],
  ],
  async run(context, { flags, args: [reference = ''] }) {
    if (!/[:@][^/]*$/.test(reference) && !flags.quiet) context.out.write('Using default tag: latest\n');
    await pullImage(context, reference, flags.quiet ? undefined : context.out);
    context.out.write(`${canonical(reference)}\n`);
    return 0;
  },
});

/** With registry and tag: `docker.io/library/busybox:latest`. */
function canonical(reference: string): string {
  const full = withTag(reference);
  const [first = '', ...rest] = full.split('/');
  if (rest.length === 0) return `docker.io/library/${full}`;
  return /[.:]|^localhost$/.test(first) ? full : `docker.io/${full}`;
}

const load = command({
  name: 'image load',
  aliases: ['load'],
  summary: 'Load an image from a tar archive or STDIN',
  arity: { least: 0, most: 0 },
  flags: {
    input: text('Read from tar archive file, instead of STDIN', { short: 'i' }),
    quiet: toggle('Suppress the load output', { short: 'q' }),
  },
  examples: [
    ['load -i images.tar', 'From a file'],
    ['load < images.tar', 'From standard input'],
  ],
  async run(context, { flags }) {
    if (flags.input === '' && context.in.isTTY) throw new ExitError('requested load from stdin, but stdin is empty');
    const upload = flags.input === '' ? context.in : await openFile(flags.input);
    const stream = context.client.stream<{ stream?: string; error?: string }>('POST', '/images/load', {
      query: { quiet: 1 },
      upload,
      headers: { 'content-type': 'application/x-tar' },
    });
    await showProgress(stream, flags.quiet ? undefined : context.out);
    return 0;
  },
});

async function openFile(path: string): Promise<Readable> {
  const file = createReadStream(path);
  await new Promise<void>((resolve, reject) => {
    file.once('open', () => resolve());
    file.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ExitError(error.code === 'ENOENT' ? `open ${path}: no such file or directory` : error.message)),
    );
  });
  return file;
}

const save = command({
  name: 'image save',
  aliases: ['save'],
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  operands: 'IMAGE [IMAGE...]',
  arity: { least: 1 },
  flags: { output: text('Write to a file, instead of STDOUT', { short: 'o' }) },
  examples: [['save -o images.tar busybox:1 registry:2', 'Two images in one file']],
  async run(context, { flags, args }) {
    if (flags.output === '' && context.out.isTTY)
      throw new ExitError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    const names = args.map((name) => `names=${encodeURIComponent(name)}`).join('&');
    const answer = await context.client.request('GET', `/images/get?${names}`);
    await pipeline(answer, flags.output === '' ? context.out : createWriteStream(flags.output, { mode: 0o600 }), {
      end: flags.output !== '',
    });
    return 0;
  },
});

const importImage = command({
  name: 'image import',
  aliases: ['import'],
  summary: 'Import the contents from a tarball to create a filesystem image',
  operands: 'file|- [REPOSITORY[:TAG]]',
  arity: { least: 1, most: 2 },
  flags: {
    change: list('Apply Dockerfile instruction to the created image', { short: 'c' }),
    message: text('Set commit message for imported image', { short: 'm' }),
  },
  examples: [
    ['import rootfs.tar.gz mine:1', 'A root file system as an image'],
    ['import -c "CMD [\\"/bin/sh\\"]" - mine:2 < rootfs.tar', 'with a command'],
  ],
  async run(context, { flags, args: [file = '', reference = ''] }) {
    const { name, tag } = reference === '' ? { name: '', tag: '' } : splitReference(reference);
    const changes = flags.change.map((change) => `&changes=${encodeURIComponent(change)}`).join('');
    const stream = context.client.stream<{ status?: string; error?: string }>(
      'POST',
      `/images/create?fromSrc=-${changes}`,
      {
        query: { repo: name || undefined, tag: tag || undefined, message: flags.message || undefined },
        upload: file === '-' ? context.in : await openFile(file),
        headers: { 'content-type': 'application/x-tar' },
      },
    );
    await showProgress(stream, context.out);
    return 0;
  },
});

const rm = command({
  name: 'image rm',
  aliases: ['image remove', 'rmi'],
  summary: 'Remove one or more images',
  operands: 'IMAGE [IMAGE...]',
  arity: { least: 1 },
  flags: {
    force: toggle('Force removal of the image', { short: 'f' }),
    'no-prune': toggle('Do not delete untagged parents'),
  },
  examples: [['rmi busybox:1', 'A tag, and the image if that was its last']],
  async run(context, { flags, args }) {
    let status = 0;
    for (const name of args) {
      try {
        const query = { force: flags.force ? 1 : undefined, noprune: flags['no-prune'] ? 1 : undefined };
        const steps = await context.client.json<{ Untagged?: string; Deleted?: string }[]>(
          'DELETE',
          api('images', name),
          { query },
        );
        for (const step of steps)
          context.out.write(step.Deleted ? `Deleted: ${step.Deleted}\n` : `Untagged: ${step.Untagged}\n`);
      } catch (error) {
        if (!(error instanceof EngineFailure)) throw error;
        context.err.write(`Error response from daemon: ${error.message}\n`);
        if (!(flags.force && error.status === 404)) status = 1;
      }
    }
    return status;
  },
});

const tag = command({
  name: 'image tag',
  aliases: ['tag'],
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  operands: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  arity: { least: 2, most: 2 },
  flags: {},
  examples: [['tag busybox:1 localhost:5000/busybox:1', 'One more name']],
  async run(context, { args: [source = '', target = ''] }) {
    const { name, tag: label } = splitReference(target);
    await context.client.text('POST', `${api('images', source)}/tag`, { query: { repo: name, tag: label } });
    return 0;
  },
});

const inspect = command({
  name: 'image inspect',
  summary: 'Display detailed information on one or more images',
  operands: 'IMAGE [IMAGE...]',
  arity: { least: 1 },
  flags: { format: text("Format output using a custom template: 'json' or a Go template", { short: 'f' }) },
  examples: [['image inspect -f "{{json .Config.Cmd}}" busybox', 'What it runs']],
  run: (context, { flags, args }) =>
    inspectAll(context, args, flags.format, (name) => context.client.text('GET', `${api('images', name)}/json`)),
});

const prune = command({
  name: 'image prune',
  summary: 'Remove unused images',
  arity: { least: 0, most: 0 },
  flags: {
    all: toggle('Remove all unused images, not just dangling ones', { short: 'a' }),
    filter: list('Provide filter values (e.g. "until=<timestamp>")', { placeholder: 'filter' }),
    force: toggle('Do not prompt for confirmation', { short: 'f' }),
  },
  examples: [['image prune -af', 'All that no container uses']],
  run: (context, { flags }) => pruneImages(context, flags),
});

async function pruneImages(
  context: Context,
  flags: { all: boolean; filter: readonly string[]; force: boolean },
): Promise<number> {
  const warning = flags.all
    ? 'WARNING! This will remove all images without at least one container associated to them.'
    : 'WARNING! This will remove all dangling images.';
  if (!flags.force && !(await confirm(context, warning))) return 1;
  const filters = filterQuery([...flags.filter, `dangling=${!flags.all}`]);
  const answer = await context.client.json<{
    ImagesDeleted: { Untagged?: string; Deleted?: string }[] | null;
    SpaceReclaimed: number;
  }>('POST', '/images/prune', { query: { filters } });
  if (answer.ImagesDeleted?.length) {
    const lines = answer.ImagesDeleted.map((step) =>
      step.Deleted ? `deleted: ${step.Deleted}` : `untagged: ${step.Untagged}`,
    );
    context.out.write(`Deleted Images:\n${lines.join('\n')}\n\n`);
  }
  context.out.write(`Total reclaimed space: ${humanSize(answer.SpaceReclaimed, 4)}\n`);
  return 0;
}

/** The short forms: `passerelle images`. */
export const commands: readonly Command[] = [
  { ...ls, name: 'images' },
  { ...pull, name: 'pull' },
  { ...load, name: 'load' },
  { ...save, name: 'save' },
  { ...rm, name: 'rmi' },
  { ...tag, name: 'tag' },
  { ...importImage, name: 'import' },
];

export const group: Group = {
  name: 'image',
  summary: 'Manage images',
  commands: [importImage, inspect, load, ls, prune, pull, rm, save, tag],
};
