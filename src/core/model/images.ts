/** Images in memory: names and a configuration, with nothing in them. */
import type { ContainerConfig } from '../container/config.ts';
import type { Clock } from '../engine/clock.ts';
import type { Images } from '../engine/images.ts';
import type { HistoryEntry, ImagePruneFilter, ImageUser, ImageView, Progress, Removal } from '../image/image.ts';
import { ImageNames } from '../image/names.ts';
import { familiar, parseReference, tagOf, withDefaultTag } from '../image/reference.ts';
import { isPrunable, planRemoval, type RemovalPlan } from '../image/removal.ts';
import { EngineError } from '../network/error.ts';

/** What was made of a name that was pulled. */
const COMMENT = 'simulated: an image of this name, with nothing in it';
/** Bases of other images, whose own command is a shell. */
const SHELLS: ReadonlySet<string> = new Set(['alpine', 'bash', 'busybox', 'debian', 'fedora', 'ubuntu']);

type Image = Omit<ImageView, 'repoTags' | 'repoDigests' | 'lastTagged'>;

export class ModelImages implements Images {
  readonly #clock: Pick<Clock, 'now' | 'hex'>;
  readonly #architecture: string;
  readonly #images = new Map<string, Image>();
  #names = new ImageNames();

  /** `architecture`: in Go's words, that of the machine that is simulated. */
  constructor(clock: Pick<Clock, 'now' | 'hex'>, architecture = 'amd64') {
    this.#clock = clock;
    this.#architecture = architecture;
  }

  /** Makes an image of that name, whatever had it before. */
  put(name: string, config: Partial<ContainerConfig>): void {
    const image: Image = {
      id: `sha256:${this.#clock.hex(32)}`,
      config,
      created: this.#clock.now(),
      author: '',
      comment: COMMENT,
      dockerVersion: '',
      architecture: this.#architecture,
      variant: '',
      os: 'linux',
      size: 0,
      diffIds: [],
    };
    this.#images.set(image.id, image);
    this.#names = this.#names.with(image.id, [withDefaultTag(parseReference(name))], this.#clock.now());
  }

  async find(text: string): Promise<Image> {
    return this.#find(text);
  }

  async inspect(text: string): Promise<ImageView> {
    return this.#view(this.#find(text));
  }

  /** Newest first. */
  list(): readonly ImageView[] {
    return [...this.#images.values()].map((image) => this.#view(image)).toReversed();
  }

  async history(text: string): Promise<readonly HistoryEntry[]> {
    const { id, created, comment, repoTags } = this.#view(this.#find(text));
    return [{ created, createdBy: '', comment, id, tags: repoTags, size: 0 }];
  }

  /** It has no files. */
  layers(): readonly string[] {
    return [];
  }

  /** Nothing is fetched: every name is the name of an image. */
  async *pull(text: string): AsyncGenerator<Progress> {
    const reference = withDefaultTag(parseReference(text));
    const name = familiar(reference);
    yield { status: `Simulating ${reference.path}: nothing is fetched`, id: reference.digest ?? reference.tag ?? '' };
    const isNew = this.#names.lookup(reference) === undefined;
    if (isNew) {
      const isShell = SHELLS.has(reference.path.split('/').at(-1)!);
      this.put(name, { Cmd: [isShell ? 'sh' : 'simulated'] });
    }
    yield { status: `Status: ${isNew ? 'Made a simulated image' : 'There is a simulated image'} for ${name}` };
  }

  load(): AsyncIterable<Progress> {
    return refusing();
  }

  import(): AsyncIterable<Progress> {
    return refusing();
  }

  async save(): Promise<AsyncIterable<Uint8Array>> {
    throw noFiles();
  }

  async tag(source: string, repository: string, tag?: string): Promise<void> {
    this.#names = this.#names.with(this.#find(source).id, [tagOf(repository, tag)], this.#clock.now());
  }

  async remove(
    text: string,
    { force }: { readonly force: boolean },
    usedBy: readonly ImageUser[],
  ): Promise<readonly Removal[]> {
    const { id } = this.#find(text);
    const users = usedBy.filter(({ imageId }) => imageId === id);
    return this.#take(id, planRemoval(text, id, this.#references(id), users, force));
  }

  async prune(
    filter: ImagePruneFilter,
    usedBy: readonly ImageUser[],
  ): Promise<{ readonly removed: readonly Removal[]; readonly reclaimed: number }> {
    const removed: Removal[] = [];
    for (const image of this.#images.values()) {
      const references = this.#references(image.id);
      const isUsed = usedBy.some(({ imageId }) => imageId === image.id);
      if (isUsed || !isPrunable(image, references, filter)) continue;
      removed.push(...this.#take(image.id, { untag: references, deletes: true }));
    }
    return { removed, reclaimed: 0 };
  }

  #find(text: string): Image {
    return this.#images.get(this.#names.find(text, new Set(this.#images.keys())))!;
  }

  #references(id: string) {
    return this.#names.of(id).map(({ reference }) => reference);
  }

  #view(image: Image): ImageView {
    const names = this.#names.of(image.id);
    const isTag = ({ reference }: (typeof names)[number]) => reference.digest === undefined;
    return {
      ...image,
      repoTags: names.filter(isTag).map(({ reference }) => familiar(reference)),
      repoDigests: names.filter((name) => !isTag(name)).map(({ reference }) => familiar(reference)),
      lastTagged: names
        .map(({ at }) => at)
        .sort()
        .at(-1),
    };
  }

  #take(id: string, { untag, deletes }: RemovalPlan): Removal[] {
    this.#names = this.#names.without(untag);
    const untagged = untag.map((reference) => ({ Untagged: familiar(reference) }));
    if (!deletes) return untagged;
    this.#images.delete(id);
    return [...untagged, { Deleted: id }];
  }
}

const refusing = (): AsyncIterable<Progress> => ({
  [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(noFiles()) }),
});

const noFiles = (): EngineError =>
  new EngineError(
    'not-implemented',
    'simulated images have no files to load or save: docker pull NAME makes one of any name',
  );
