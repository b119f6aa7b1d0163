import { describe, expect, test } from 'vitest';
import type { ContainerConfig } from './config.ts';
import { commandLine, mergeConfig } from './merge.ts';

const REQUEST: ContainerConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: 'image',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
};
const merge = (request: Partial<ContainerConfig>, image: Partial<ContainerConfig>): ContainerConfig =>
  mergeConfig({ ...REQUEST, ...request }, image);

describe('what is run: the request’s entrypoint takes the image’s command out of use', () => {
  type Words = readonly string[] | null;
  test.each<{ image: [Words, Words]; request: [Words, Words]; runs: readonly string[] }>([
    { image: [null, ['sh']], request: [null, null], runs: ['sh'] },
    { image: [['init'], ['serve']], request: [null, null], runs: ['init', 'serve'] },
    { image: [['init'], ['serve']], request: [null, ['other', 'x']], runs: ['init', 'other', 'x'] },
    { image: [['init'], ['serve']], request: [['mine'], null], runs: ['mine'] },
    { image: [['init'], ['serve']], request: [['mine'], ['x']], runs: ['mine', 'x'] },
    { image: [['init'], ['serve']], request: [[''], ['x']], runs: ['x'] },
    { image: [['init'], ['serve']], request: [[], []], runs: ['init', 'serve'] },
    { image: [null, null], request: [null, null], runs: [] },
  ])('$image and $request run $runs', ({ image, request, runs }) => {
    const merged = merge({ Entrypoint: request[0], Cmd: request[1] }, { Entrypoint: image[0], Cmd: image[1] });
    expect(commandLine(merged)).toEqual(runs);
  });
});

test('variables: the request’s own first, then those of the image that it does not set', () => {
  const image = { Env: ['PATH=/bin', 'A=image', 'EMPTY='] };
  expect(merge({ Env: ['A=own', 'B=x=y', 'EMPTY'] }, image).Env).toEqual(['A=own', 'B=x=y', 'EMPTY', 'PATH=/bin']);
  expect(merge({}, image).Env).toEqual(image.Env);
  expect(merge({}, {}).Env).toBeNull();
});

test('what the request leaves open is the image’s; labels, ports and volumes come together', () => {
  const image: Partial<ContainerConfig> = {
    User: 'app',
    WorkingDir: '/srv',
    StopSignal: 'SIGQUIT',
    Labels: { a: 'image', b: 'image' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
  };
  expect(
    merge(
      { Labels: { b: 'own' }, ExposedPorts: { '443/tcp': {} }, Volumes: { '/log': {} }, Healthcheck: { Interval: 9 } },
      image,
    ),
  ).toMatchObject({
    User: 'app',
    WorkingDir: '/srv',
    StopSignal: 'SIGQUIT',
    Labels: { a: 'image', b: 'own' },
    ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
    Volumes: { '/data': {}, '/log': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 9 },
  });
  expect(merge({ User: 'me', WorkingDir: '/', StopSignal: 'INT' }, image)).toMatchObject({
    User: 'me',
    WorkingDir: '/',
    StopSignal: 'INT',
  });
});

test('what nobody set is not there', () => {
  const merged = merge({}, {});
  expect(merged.Volumes).toBeNull();
  for (const name of ['ExposedPorts', 'Healthcheck', 'StopSignal']) expect(merged).not.toHaveProperty(name);
});
