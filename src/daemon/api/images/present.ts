/** Images as the Engine API shows them. The order of the fields is Docker's. */
import type { HistoryEntry, ImageView } from '../../../core/image/image.ts';
import { presentConfig } from '../containers/present.ts';
import { seconds } from '../http/time.ts';
import { sorted } from '../sorted.ts';

/** Up to this version an image without a name has the name `<none>`. */
const NAMES_NONE = 42;
/** Up to this version the size stands there twice. */
const SHOWS_VIRTUAL_SIZE = 43;
/** Up to this version the container that made the image is shown, which today's builders leave empty. */
const SHOWS_CONTAINER = 44;

const virtualSize = (size: number, version: number): object =>
  version <= SHOWS_VIRTUAL_SIZE ? { VirtualSize: size } : {};

/** `containers`: how many use it; -1 where that was not asked. */
export function summarizeImage(image: ImageView, version: number, containers = -1): object {
  const { config, repoTags, repoDigests } = image;
  const none = version <= NAMES_NONE && repoTags.length === 0 && repoDigests.length === 0;
  return {
    Containers: containers,
    Created: seconds(image.created),
    Id: image.id,
    Labels: config.Labels && Object.keys(config.Labels).length > 0 ? sorted(config.Labels) : null,
    ParentId: '',
    RepoDigests: none ? ['<none>@<none>'] : repoDigests,
    RepoTags: none ? ['<none>:<none>'] : repoTags,
    SharedSize: -1,
    Size: image.size,
    ...virtualSize(image.size, version),
  };
}

export function presentImage(image: ImageView, version: number, layers: readonly string[]): object {
  const [top = '', ...lower] = layers;
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: image.comment,
    Created: image.created,
    ...(version <= SHOWS_CONTAINER ? { Container: '' } : {}),
    // At any version: docker-compose 1 takes the newest one, and cannot recreate a container without this.
    ContainerConfig: presentConfig({}),
    DockerVersion: image.dockerVersion,
    Author: image.author,
    Config: presentConfig(image.config),
    Architecture: image.architecture,
    ...(image.variant ? { Variant: image.variant } : {}),
    Os: image.os,
    Size: image.size,
    ...virtualSize(image.size, version),
    GraphDriver: {
      Data: { ...(lower.length > 0 ? { LowerDir: lower.join(':') } : {}), UpperDir: top },
      Name: 'overlay2',
    },
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: image.lastTagged ?? '0001-01-01T00:00:00Z' },
  };
}

export const presentHistory = ({ comment, created, createdBy, id, size, tags }: HistoryEntry): object => ({
  Comment: comment,
  Created: created === undefined ? 0 : seconds(created),
  CreatedBy: createdBy,
  Id: id,
  Size: size,
  Tags: tags.length > 0 ? tags : null,
});
