/** Compose files -> project. Files, environment and folder are given from outside. */
import { Cursor } from './cursor.ts';
import type { Notes } from './cursor.ts';
import { readDocument, scalar } from './document.ts';
import type { Entry, Mapping, Position, Value } from './document.ts';
import { readDotenv } from './dotenv.ts';
import type { Variables } from './interpolate.ts';
import { mergeFiles, mergeServices } from './merge.ts';
import { baseName, folderOf, normalizePath, resolvePath } from './path.ts';
import { ComposeError, describe, ProjectError } from './problem.ts';
import { danglingReferences, dependencies, inOrder, networksOf, projectName } from './project.ts';
import type { Project } from './project.ts';
import { service } from './service.ts';
import type { Service } from './service.ts';
import { namedVolume, network } from './topology.ts';
import { interpolateFile } from './variables.ts';
import type { Paths } from './volumes.ts';

export interface Surroundings {
  /** Undefined: there is no such file. Paths are absolute. */
  readFile(path: string): string | undefined;
  readonly workingFolder: string;
  readonly home: string;
  readonly environment: Variables;
}

export interface LoadOptions {
  /** As given with -f, in order; empty: looked for as docker-compose does. */
  readonly files: readonly string[];
  /** As given with -p. */
  readonly projectName?: string | undefined;
  readonly projectFolder?: string | undefined;
  /** As given with --env-file. */
  readonly envFile?: string | undefined;
  readonly profiles: readonly string[];
}

export interface Loaded {
  readonly project: Project;
  readonly warnings: readonly string[];
}

const NAMES = ['docker-compose.yml', 'docker-compose.yaml', 'compose.yml', 'compose.yaml'];
const OVERRIDES = [
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
  'compose.override.yml',
  'compose.override.yaml',
];
const SECTIONS = ['version', 'name', 'services', 'networks', 'volumes', 'secrets', 'configs'];
const SERVICE_NAME = /^[a-zA-Z0-9._-]+$/;

/** Throws ComposeError for a wrong file, ProjectError for a wrong project. */
export function loadProject(around: Surroundings, options: LoadOptions): Loaded {
  return new Loader(around, options).load();
}

class Loader {
  readonly #around: Surroundings;
  readonly #options: LoadOptions;
  readonly #notes: Notes = { problems: [], warnings: [] };
  readonly #unset = new Set<string>();
  /** Where the relative paths of files that are extended from elsewhere start. */
  readonly #folders = new Map<string, string>();
  #folder: string;
  #variables: Variables;

  constructor(around: Surroundings, options: LoadOptions) {
    this.#around = around;
    this.#options = options;
    this.#folder = around.workingFolder;
    this.#variables = around.environment;
  }

  load(): Loaded {
    const files = this.#findFiles();
    const first = this.#absolute(files[0]!);
    const given = this.#options.projectFolder;
    this.#folder = given === undefined ? folderOf(first) : this.#absolute(given);
    this.#variables = this.#readEnvironment();
    const root = files.map((file): Value => this.#read(file)).reduce(mergeFiles) as Mapping;
    this.#throwProblems();
    const name = this.#projectName(root);
    const project = this.#project(name, files, root);
    const unset = [...this.#unset].map((each) => `The ${each} variable is not set. Defaulting to a blank string.`);
    return { project, warnings: [...unset, ...this.#notes.warnings.map(describe)] };
  }

  #absolute(path: string): string {
    return resolvePath(this.#around.workingFolder, path, this.#around.home);
  }

  #findFiles(): readonly string[] {
    if (this.#options.files.length > 0) return this.#options.files;
    for (let folder = this.#around.workingFolder; ; folder = folderOf(folder)) {
      const find = (names: readonly string[]): string | undefined =>
        names.find((name) => this.#around.readFile(normalizePath(`${folder}/${name}`)) !== undefined);
      const found = find(NAMES);
      if (found) {
        const place = (name: string): string =>
          folder === this.#around.workingFolder ? name : normalizePath(`${folder}/${name}`);
        return [found, find(OVERRIDES)].filter((name) => name !== undefined).map(place);
      }
      if (folder === '/')
        throw new ProjectError(
          `Can't find a suitable configuration file in this directory or any parent. Are you in the right directory?\n\nSupported filenames: ${NAMES.join(', ')}`,
        );
    }
  }

  #readEnvironment(): Variables {
    const { environment } = this.#around;
    const chosen = this.#options.envFile;
    const path = chosen === undefined ? `${this.#folder}/.env` : this.#absolute(chosen);
    const text = this.#around.readFile(normalizePath(path));
    if (text === undefined && chosen !== undefined) throw new ProjectError(`Couldn't find env file: ${path}`);
    const file = readDotenv(text ?? '', environment);
    return (name) => environment(name) ?? file.get(name) ?? undefined;
  }

  /** One file with its variables replaced; its sections are known to be mappings. */
  #read(file: string): Mapping {
    const text = this.#around.readFile(this.#absolute(file));
    if (text === undefined) throw new ProjectError(`The Compose file '${file}' cannot be read: no such file`);
    const root = readDocument(file, text);
    if (root.kind !== 'mapping')
      throw new ComposeError('is invalid because', [
        {
          at: root.at,
          path: '',
          message: `Top level object in '${file}' needs to be an object`,
          expected: '`services:` with services under it',
        },
      ]);
    this.#checkSections(root);
    return interpolateFile(root, this.#variables, {
      problems: this.#notes.problems,
      unset: (name) => this.#unset.add(name),
    }) as Mapping;
  }

  #checkSections(root: Mapping): void {
    for (const [key, { keyAt, value }] of root.entries) {
      const cursor = new Cursor(value, key, this.#notes);
      if (key.startsWith('x-')) continue;
      if (!SECTIONS.includes(key))
        cursor.fail(
          `Invalid top-level property "${key}". Valid top-level sections for this Compose file are: ${SECTIONS.join(', ')}, and extensions starting with "x-".`,
          root.entries.has('services')
            ? undefined
            : '`services:` with this under it (the format of version 1 files is not read)',
          keyAt,
        );
      else if (key !== 'version' && key !== 'name') this.#checkSection(cursor, key.slice(0, -1));
    }
    this.#throwProblems();
  }

  #checkSection(cursor: Cursor, kind: string): void {
    const { value } = cursor;
    const isEmpty = value.kind === 'scalar' && value.value === null;
    if (isEmpty && kind !== 'service') return;
    if (value.kind !== 'mapping')
      return cursor.fail(
        `In file '${value.at.file}', ${kind} must be a mapping, not ${kindOf(value)}.`,
        `\`name:\` under ${cursor.path}`,
      );
    for (const [name, entry] of value.entries) {
      const each = cursor.key(name, entry.value);
      if (name.startsWith('x-')) continue;
      if (!SERVICE_NAME.test(name))
        each.fail(
          `Invalid ${kind} name '${name}' - only [a-zA-Z0-9._-] characters are allowed`,
          'another name',
          entry.keyAt,
        );
      if (entry.value.kind === 'sequence' || (entry.value.kind === 'scalar' && entry.value.value !== null))
        each.fail(
          `In file '${value.at.file}', ${kind} '${name}' must be a mapping not ${kindOf(entry.value)}.`,
          '`key: value` lines under it',
        );
    }
  }

  #throwProblems(): void {
    if (this.#notes.problems.length > 0) throw new ComposeError('is invalid because', this.#notes.problems);
  }

  #projectName(root: Mapping): string {
    const fromFile = root.entries.get('name')?.value;
    const named = fromFile?.kind === 'scalar' && fromFile.text !== '' ? fromFile.text : undefined;
    const chosen = this.#options.projectName || this.#variables('COMPOSE_PROJECT_NAME') || named;
    return projectName(chosen ?? baseName(this.#folder));
  }

  #paths(): Paths {
    return { folder: (file) => this.#folders.get(file) ?? this.#folder, home: this.#around.home };
  }

  #project(name: string, files: readonly string[], root: Mapping): Project {
    const everything = this.#services(root);
    const networks = this.#section(root, 'networks', (key) => network(name, key));
    const volumes = this.#section(root, 'volumes', (key) => namedVolume(name, key));
    if (!networks.some((each) => each.key === 'default'))
      networks.unshift({ key: 'default', name: `${name}_default`, external: false });
    this.#checkReferences(root, everything, networks, volumes);
    this.#throwProblems();
    const services = inOrder(this.#enabled(everything));
    const used = new Set(services.flatMap((each) => networksOf(each).map(([key]) => key)));
    const idle = networks.filter((each) => !used.has(each.key) && each.key !== 'default').map((each) => each.key);
    if (idle.length > 0)
      this.#notes.warnings.push({
        at: root.entries.get('networks')!.keyAt,
        path: 'networks',
        message: `Some networks were defined but are not used by any service: ${idle.join(', ')}`,
      });
    return {
      name,
      folder: this.#folder,
      files,
      services,
      networks: networks.filter((each) => used.has(each.key)),
      volumes,
    };
  }

  #section<T>(root: Mapping, section: string, decoder: (key: string) => (cursor: Cursor) => T | undefined): T[] {
    const value = root.entries.get(section)?.value;
    if (value?.kind !== 'mapping') return [];
    const found: T[] = [];
    for (const [key, entry] of value.entries) {
      if (key.startsWith('x-')) continue;
      const decoded = decoder(key)(new Cursor(entry.value, `${section}.${key}`, this.#notes));
      if (decoded) found.push(decoded);
    }
    return found;
  }

  #services(root: Mapping): readonly Service[] {
    const value = root.entries.get('services')?.value;
    if (value?.kind !== 'mapping' || value.entries.size === 0)
      throw new ComposeError('is invalid because', [
        {
          at: root.at,
          path: 'services',
          message: 'No services are defined',
          expected: '`services:` with services under it',
        },
      ]);
    const extended = [...value.entries].map(([name, entry]): [string, Entry] => [
      name,
      { ...entry, value: this.#extend(name, entry.value, value, []) },
    ]);
    const resolved: Mapping = {
      ...root,
      entries: new Map([['services', { keyAt: root.at, value: { ...value, entries: new Map(extended) } }]]),
    };
    const paths = this.#paths();
    const decoded = this.#section(resolved, 'services', (name) => (cursor) => {
      const mapping: Value =
        cursor.value.kind === 'mapping' ? cursor.value : { kind: 'mapping', entries: new Map(), at: cursor.value.at };
      return service(name, paths)(new Cursor(mapping, cursor.path, cursor.notes));
    });
    this.#throwProblems();
    return decoded.map((each) => this.#complete(each, value.entries.get(each.name)!.keyAt));
  }

  /** Lays a service over the one that it extends. */
  #extend(name: string, value: Value, siblings: Mapping, seen: readonly string[]): Value {
    if (value.kind !== 'mapping') return value;
    const extended = value.entries.get('extends');
    if (!extended) return value;
    const cursor = new Cursor(extended.value, `services.${name}.extends`, this.#notes);
    const [other, file] = extendsOf(extended.value);
    if (other === undefined) {
      cursor.fail(`services.${name}.extends is invalid, service is required.`, '`extends: {service: name}`');
      return value;
    }
    const [others, id] =
      file === undefined
        ? [siblings, `${extended.value.at.file}:${other}`]
        : [this.#servicesIn(file, extended.value.at), `${file}:${other}`];
    if (seen.includes(id)) throw new ProjectError(`Circular reference: ${[...seen, id].join(' extends ')}`);
    const base = others.entries.get(other);
    if (!base) {
      cursor.fail(
        `Cannot extend service '${other}' in ${file ?? extended.value.at.file}: Service not found`,
        'the name of a service of that file',
      );
      return value;
    }
    const foundation = this.#extend(other, base.value, others, [...seen, id]);
    this.#checkExtendable(cursor, other, foundation);
    const own = new Map(value.entries);
    own.delete('extends');
    return mergeServices(foundation, { ...value, entries: own });
  }

  #servicesIn(file: string, at: Position): Mapping {
    const path = resolvePath(this.#paths().folder(at.file), file, this.#around.home);
    this.#folders.set(path, folderOf(path));
    const services = this.#read(path).entries.get('services')?.value;
    return services?.kind === 'mapping' ? services : { kind: 'mapping', entries: new Map(), at };
  }

  /** What ties a service to its neighbours cannot be taken over from it. */
  #checkExtendable(cursor: Cursor, name: string, value: Value): void {
    if (value.kind !== 'mapping') return;
    for (const key of ['links', 'volumes_from', 'depends_on'])
      if (value.entries.has(key))
        cursor.fail(
          `Cannot extend service '${name}' in ${value.at.file}: services with '${key}' cannot be extended`,
          `a service without ${key}`,
        );
  }

  /** Puts the env files' and the process's variables in, and checks what no single key shows. */
  #complete(found: Service, at: Position): Service {
    const { env_file: files, ...rest } = found;
    const cursor = new Cursor(scalar(null, at), `services.${found.name}`, this.#notes);
    if (!found.image)
      cursor.fail(
        `Service ${found.name} has neither an image nor a build context specified. At least one must be provided.`,
        '`image: name`',
      );
    if (found.network_mode !== undefined && found.networks)
      cursor.fail("'network_mode' and 'networks' cannot be combined", 'one of them');
    if (found.scale !== undefined && found.deploy?.replicas !== undefined)
      cursor.fail(
        'Both service.scale and service.deploy.replicas are set. Only one of them must be set.',
        'one of them',
      );
    const targets = (found.volumes ?? []).map((volume) => volume.target);
    const twice = targets.filter((target, index) => targets.indexOf(target) !== index);
    if (twice.length > 0) cursor.fail(`Duplicate mount points: [${twice.join(', ')}]`, 'one volume for each path');
    if (!files && !found.environment) return rest;
    const environment = new Map<string, string | null>();
    for (const path of files ?? []) {
      const text = this.#around.readFile(path);
      if (text === undefined)
        cursor.key('env_file', cursor.value).fail(`Couldn't find env file: ${path}`, 'a file that is there');
      else for (const [key, value] of readDotenv(text, this.#variables)) environment.set(key, value);
    }
    for (const [key, value] of Object.entries(found.environment ?? {})) environment.set(key, value);
    const resolved = [...environment].map(([key, value]) => [key, value ?? this.#variables(key) ?? null] as const);
    return { ...rest, environment: Object.fromEntries(resolved) };
  }

  #checkReferences(
    root: Mapping,
    services: readonly Service[],
    networks: readonly { readonly key: string }[],
    volumes: readonly { readonly key: string }[],
  ): void {
    const known = {
      services: new Set(services.map((each) => each.name)),
      networks: new Set(networks.map((each) => each.key)),
      volumes: new Set(volumes.map((each) => each.key)),
    };
    const section = root.entries.get('services')!.value as Mapping;
    for (const each of services) {
      const entry = section.entries.get(each.name)!;
      for (const { key, message } of danglingReferences(each, known)) {
        const place = entry.value.kind === 'mapping' ? entry.value.entries.get(key) : undefined;
        const at = place?.value.at ?? entry.keyAt;
        this.#notes.problems.push({ at, path: `services.${each.name}.${key}`, message });
      }
    }
  }

  /** Services of profiles that were not asked for stay away; nothing else may need them. */
  #enabled(services: readonly Service[]): readonly Service[] {
    const fromEnvironment = (this.#variables('COMPOSE_PROFILES') ?? '').split(',').filter((name) => name !== '');
    const active = new Set(this.#options.profiles.length > 0 ? this.#options.profiles : fromEnvironment);
    const enabled = services.filter((each) => !each.profiles?.length || each.profiles.some((name) => active.has(name)));
    const names = new Set(enabled.map((each) => each.name));
    for (const each of enabled)
      for (const needed of dependencies(each))
        if (!names.has(needed))
          throw new ProjectError(
            `Service "${needed}" was pulled in as a dependency of service "${each.name}" but is not enabled by the active profiles. You may fix this by adding a common profile to "${needed}" and "${each.name}".`,
          );
    return enabled;
  }
}

function kindOf(value: Value): string {
  if (value.kind === 'sequence') return 'an array';
  if (value.kind === 'mapping') return 'a mapping';
  return value.value === null ? 'a null' : `a ${typeof value.value}`;
}

/** Service and file of `extends: name` or `extends: {service: name, file: path}`. */
function extendsOf(value: Value): readonly [string | undefined, string | undefined] {
  const read = (key: string): string | undefined => {
    const found = value.kind === 'mapping' ? value.entries.get(key)?.value : undefined;
    return found?.kind === 'scalar' ? found.text : undefined;
  };
  if (value.kind === 'scalar') return [value.text, undefined];
  return [read('service'), read('file')];
}
