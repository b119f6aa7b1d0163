/**
 * The names of images. What a user writes is completed as Docker does: `busybox` is
 * `docker.io/library/busybox:latest`. The grammar is that of the distribution project's references.
 */
import { EngineError } from '../network/error.ts';
import { isDigest } from './digest.ts';

/** A name with its registry, and what it picks there. */
export interface Reference {
  /** `docker.io`, or `host[:port]`. */
  readonly domain: string;
  /** `library/busybox`. */
  readonly path: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';
const LONGEST_NAME = 255;

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?$`);
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const HEX_ID = /^[0-9a-f]{64}$/;

/** Reads `[domain/]path[:tag][@digest]`. Throws invalid, with Docker's text. */
export function parseReference(text: string): Reference {
  if (HEX_ID.test(text)) {
    throw new EngineError('invalid', `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [named, digest, ...more] = text.split('@');
  if (named === undefined || more.length > 0) throw malformed();
  const { domain, rest } = splitDomain(named);
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path !== path.toLowerCase()) throw malformed(': repository name must be lowercase');
  if (!DOMAIN.test(domain) || !PATH.test(path)) throw malformed();
  if (tag !== undefined && !TAG.test(tag)) throw malformed();
  if (digest !== undefined && !isDigest(digest)) throw malformed();
  if (domain.length + 1 + path.length > LONGEST_NAME) {
    throw new EngineError('invalid', `repository name must not be more than ${LONGEST_NAME} characters`);
  }
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The part before the first slash is a registry only if it could not be the start of a path. */
function splitDomain(named: string): { domain: string; rest: string } {
  const slash = named.indexOf('/');
  const first = named.slice(0, Math.max(slash, 0));
  const isDomain = /[.:]/.test(first) || first === 'localhost';
  const domain = isDomain && first !== 'index.docker.io' ? first : DEFAULT_DOMAIN;
  const rest = isDomain ? named.slice(slash + 1) : named;
  return { domain, rest: domain === DEFAULT_DOMAIN && !rest.includes('/') ? OFFICIAL + rest : rest };
}

function malformed(detail = ''): EngineError {
  return new EngineError('invalid', `invalid reference format${detail}`);
}

/** The reference with the tag `latest` if it picks nothing. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** `docker.io/library/busybox`: the same for all spellings. */
export function canonicalName({ domain, path }: Reference): string {
  return `${domain}/${path}`;
}

/** `busybox`: as users write and see it; in full where the short form would mean another registry. */
export function familiarName({ domain, path }: Reference): string {
  const full = `${domain}/${path}`;
  if (domain !== DEFAULT_DOMAIN) return full;
  const isOfficial = path.startsWith(OFFICIAL) && !path.slice(OFFICIAL.length).includes('/');
  const short = isOfficial ? path.slice(OFFICIAL.length) : path;
  return splitDomain(short).domain === domain ? short : full;
}

/** `busybox:1`, `busybox@sha256:…`. */
export function familiar(reference: Reference): string {
  return familiarName(reference) + pick(reference);
}

/** The key under which an image is kept: a digest counts more than the tag beside it. */
export function canonical(reference: Reference): string {
  const { tag, ...named } = withDefaultTag(reference);
  return canonicalName(reference) + pick(named.digest === undefined && tag !== undefined ? { tag } : named);
}

function pick({ tag, digest }: Pick<Reference, 'tag' | 'digest'>): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

/** A repository and a tag as the API gives them: apart, or in one text. */
export function tagOf(repository: string, tag?: string): Reference {
  const reference = parseReference(repository);
  if (reference.digest !== undefined) {
    throw new EngineError('invalid', 'refusing to create a tag with a digest reference');
  }
  if (!tag) return withDefaultTag(reference);
  if (!TAG.test(tag)) throw new EngineError('invalid', 'invalid tag format');
  return { ...reference, tag };
}

/** What a user's text may mean: an image's id alone, or a name (which may also be the start of an id). */
export function parseAny(text: string): { readonly id: string } | { readonly name: Reference } {
  if (HEX_ID.test(text)) return { id: `sha256:${text}` };
  if (isDigest(text)) return { id: text };
  return { name: parseReference(text) };
}
