/** The bodies of container calls. */
import * as v from 'valibot';
import type { ContainerConfig } from '../../../core/container/config.ts';
import type { ContainerRequest } from '../../../core/engine/engine.ts';
import type { ExecSpec } from '../../../core/engine/runtime.ts';
import { EngineError } from '../../../core/network/error.ts';
import { bool, decode, given, maybe, set, string, stringMap, stringOrList, strings, struct } from '../http/go.ts';
import { endpointConfigs, endpointSettings } from '../networks/decode.ts';
import { completeHostConfig, hostConfigSchema, type HostDefaults } from './host-config.ts';

const config = {
  Hostname: string,
  Domainname: string,
  User: string,
  AttachStdin: bool,
  AttachStdout: bool,
  AttachStderr: bool,
  ExposedPorts: maybe(set),
  Tty: bool,
  OpenStdin: bool,
  StdinOnce: bool,
  Env: strings,
  Cmd: stringOrList,
  Healthcheck: maybe(
    struct('container.HealthConfig', {
      Test: given.strings,
      Interval: given.integer,
      Timeout: given.integer,
      StartPeriod: given.integer,
      Retries: given.integer,
    }),
  ),
  Image: string,
  Volumes: v.optional(v.nullable(set), null),
  WorkingDir: string,
  Entrypoint: stringOrList,
  MacAddress: given.string,
  OnBuild: strings,
  Labels: v.optional(stringMap, {}),
  StopSignal: given.string,
  StopTimeout: given.integer,
};

const createRequest = struct('runconfig.ContainerConfigWrapper', {
  ...config,
  HostConfig: v.optional(hostConfigSchema, {}),
  NetworkingConfig: maybe(struct('network.NetworkingConfig', { EndpointsConfig: endpointConfigs })),
});

export function decodeContainer(
  body: unknown,
  name: string,
  version: number,
  defaults: HostDefaults,
): ContainerRequest {
  if (typeof body === 'object' && body !== null && Object.keys(body).length === 0) {
    throw new EngineError('invalid', 'Config cannot be empty in order to create a container');
  }
  const { HostConfig, NetworkingConfig, ...sent } = decode('ContainerConfigWrapper', createRequest, body);
  const networks = Object.entries(NetworkingConfig?.EndpointsConfig ?? {});
  return {
    name: name.replace(/^\//, ''),
    config: sent satisfies ContainerConfig,
    hostConfig: completeHostConfig(HostConfig, version, defaults),
    networks: Object.fromEntries(networks.map(([network, settings]) => [network, endpointSettings(settings)])),
  };
}

const execRequest = struct('types.ExecConfig', {
  User: string,
  Privileged: bool,
  Tty: bool,
  AttachStdin: bool,
  AttachStdout: bool,
  AttachStderr: bool,
  DetachKeys: string,
  Env: strings,
  WorkingDir: string,
  Cmd: strings,
});

export function decodeExec(body: unknown): Omit<ExecSpec, 'id' | 'containerId'> {
  const request = decode('ExecConfig', execRequest, body);
  return {
    args: request.Cmd ?? [],
    tty: request.Tty,
    env: request.Env ?? [],
    user: request.User,
    workingDir: request.WorkingDir,
    privileged: request.Privileged,
    stdin: request.AttachStdin,
    ...(request.DetachKeys ? { detachKeys: request.DetachKeys } : {}),
  };
}

const execStart = struct('types.ExecStartCheck', { Detach: bool, Tty: bool });

/** An absent body asks for nothing special. */
export const decodeExecStart = (body: unknown): v.InferOutput<typeof execStart> =>
  decode('ExecStartCheck', execStart, body ?? {});
