/** The API over fakes: what stands on the wire. */
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './testing/fake-services.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
});

afterAll(() => api.close());

beforeEach(() => {
  api.engine.calls.length = 0;
  api.errors.length = 0;
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

async function call(method: string, path: string, body?: unknown, headers: object = {}): Promise<Answer> {
  const sent = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = request({
    socketPath: api.socket,
    method,
    path,
    headers: { ...type, 'content-length': Buffer.byteLength(sent), ...headers },
  });
  asked.end(sent);
  const [answer] = await once(asked, 'response');
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  const isJson = String(answer.headers['content-type']).includes('json');
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text,
    json: isJson && text.split('\n').filter(Boolean).length === 1 ? JSON.parse(text) : undefined,
  };
}

const message = (answer: Answer): unknown => (answer.json as { message: unknown }).message;

async function created(body: object = {}): Promise<string> {
  const answer = await call('POST', '/containers/create', { Image: 'busybox:1', Cmd: ['cat'], ...body });
  expect(answer.status).toBe(201);
  return (answer.json as { Id: string }).Id;
}

/** A raw connection: what is sent, and all that came back at the end. */
async function raw(text: string, then?: (socket: ReturnType<typeof connect>) => void | Promise<void>): Promise<string> {
  const socket = connect({ path: api.socket, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  const ended = once(socket, 'end');
  await once(socket, 'data');
  await then?.(socket);
  await ended;
  socket.destroy();
  return Buffer.concat(chunks).toString('latin1');
}

describe('versions', () => {
  test.each([
    ['/v1.99/info', 'client version 1.99 is too new. Maximum supported API version is 1.51'],
    ['/v2.0/info', 'client version 2.0 is too new. Maximum supported API version is 1.51'],
    [
      '/v1.20/info',
      'client version 1.20 is too old. Minimum supported API version is 1.21, please upgrade your client to a newer version',
    ],
  ])('%s', async (path, text) => {
    const answer = await call('GET', path);
    expect([answer.status, message(answer)]).toEqual([400, text]);
  });

  test.each(['/info', '/v1.21/info', '/v1.51/info'])('%s is served', async (path) => {
    expect((await call('GET', path)).status).toBe(200);
  });

  test.each([
    ['GET', '/nope'],
    ['GET', '/v1.41/nope'],
    ['GET', '/vx/info'],
    ['POST', '/networks'],
    ['PUT', '/info'],
  ])('%s %s is not found', async (method, path) => {
    const answer = await call(method, path);
    expect([answer.status, answer.text]).toEqual([404, '{"message":"page not found"}\n']);
  });

  test('ping says what the daemon is', async () => {
    const [get, head] = [await call('GET', '/_ping'), await call('HEAD', '/_ping')];
    expect([get.text, head.text]).toEqual(['OK', '']);
    for (const { headers } of [get, head]) {
      expect(headers).toMatchObject({ 'api-version': '1.51', 'docker-experimental': 'false', ostype: 'linux' });
      expect(headers.server).toBe('Passerelle/0.1.0 (linux)');
    }
  });
});

describe('bodies', () => {
  test.each([
    ['', 'got EOF while reading request body'],
    ['{"Name":', 'unexpected EOF'],
    ['garbage', "invalid character 'g' looking for beginning of value"],
    ['{"Name":1}', 'json: cannot unmarshal number into Go struct field NetworkCreateRequest.Name of type string'],
    [
      '{"Labels":["x"]}',
      'json: cannot unmarshal array into Go struct field NetworkCreateRequest.Labels of type map[string]string',
    ],
    [
      '{"IPAM":{"Config":[{"Subnet":true}]}}',
      'json: cannot unmarshal bool into Go struct field NetworkCreateRequest.IPAM.Config.Subnet of type string',
    ],
    ['[]', 'json: cannot unmarshal array into Go value of type types.NetworkCreateRequest'],
    ['{"Name":"a"} {}', 'unexpected content after JSON'],
    ['{}', 'invalid name: '],
  ])('%s', async (body, text) => {
    const answer = await call('POST', '/networks/create', body);
    expect([answer.status, message(answer)]).toEqual([400, text]);
  });

  test('a body that is no JSON by its type is refused', async () => {
    const type = 'application/x-www-form-urlencoded';
    const answer = await call('POST', '/networks/create', '{"Name":"x"}', { 'content-type': type });
    expect(message(answer)).toBe(`Content-Type specified (${type}) must be 'application/json'`);
  });

  test('unknown fields and null are as good as absent, and case does not matter', async () => {
    const body = { name: 'odd', Labels: null, Nonsense: 1, IPAM: null };
    expect((await call('POST', '/networks/create', body)).status).toBe(201);
    expect(api.engine.calls[0]?.[1]).toMatchObject({ name: 'odd', labels: {}, driver: 'bridge' });
  });

  test.each([
    ['POST', '/containers/c/stop?t=x', 'strconv.Atoi: parsing "x": invalid syntax'],
    ['GET', '/containers/json?limit=x', 'strconv.Atoi: parsing "x": invalid syntax'],
    ['GET', '/events?since=x', 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['GET', '/networks?filters=xx', "invalid character 'x' looking for beginning of value"],
    ['GET', `/networks?filters=${encodeURIComponent('{"foo":["a"]}')}`, "invalid filter 'foo'"],
    ['GET', `/networks?filters=${encodeURIComponent('{"type":["a"]}')}`, "invalid filter: 'type'='a'"],
    ['GET', `/containers/json?filters=${encodeURIComponent('{"status":["a"]}')}`, "invalid filter 'status=a'"],
    [
      'GET',
      `/containers/json?filters=${encodeURIComponent('{"health":["a"]}')}`,
      'Unrecognised filter value for health: a',
    ],
    [
      'POST',
      `/networks/prune?filters=${encodeURIComponent('{"until":["soon"]}')}`,
      'failed to parse value as time or duration: "soon"',
    ],
    ['GET', '/containers/%zz/json', 'invalid URL escape in "/containers/%zz/json"'],
  ])('%s %s', async (method, path, text) => {
    const answer = await call(method, path);
    expect([answer.status, message(answer)]).toEqual([400, text]);
  });
});

describe('networks', () => {
  test('a network is shown in the order and with the nulls of Docker', async () => {
    const options = { Name: 'golden', CheckDuplicate: true, IPAM: { Driver: 'default', Options: {}, Config: [] } };
    const { json } = await call('POST', '/v1.41/networks/create', { ...options, Labels: { b: '2', a: '1' } });
    const { Id: id } = json as { Id: string };
    expect((await call('GET', `/v1.41/networks/${id}`)).text).toBe(
      `{"Name":"golden","Id":"${id}","Created":"2024-05-06T07:08:09.123456789Z","Scope":"local","Driver":"bridge",` +
        '"EnableIPv6":false,"IPAM":{"Driver":"default","Options":{},"Config":[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"}]},' +
        '"Internal":false,"Attachable":false,"Ingress":false,"ConfigFrom":{"Network":""},"ConfigOnly":false,' +
        '"Containers":{},"Options":{},"Labels":{"a":"1","b":"2"}}\n',
    );
    expect((await call('GET', `/v1.50/networks/${id}`)).text).toContain('"EnableIPv4":true,"EnableIPv6":false');
  });

  test.each([
    ['{"driver":["null"]}', ['none']],
    ['{"driver":{"null":true}}', ['none']],
    ['{"name":["^br"]}', ['bridge']],
    ['{"type":["builtin"]}', ['bridge', 'host', 'none']],
    ['{"label":["a=1"]}', ['golden']],
    ['{"dangling":["true"],"label":["a"]}', ['golden']],
    ['{"id":["nonsense"]}', []],
  ])('filters %s', async (filters, names) => {
    const { json } = await call('GET', `/networks?filters=${encodeURIComponent(filters)}`);
    expect((json as { Name: string }[]).map(({ Name }) => Name)).toEqual(names);
  });

  test('a dry run shows the steps and their reasons', async () => {
    const answer = await call('POST', '/networks/create?dryRun=1', { Name: 'dry' });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      steps: [{ op: 'add', object: { kind: 'namespace', why: expect.stringContaining('network of its own') } }],
      summary: { add: 1, change: 0, remove: 0 },
    });
    expect(api.engine.calls[0]).toEqual(['rehearse']);
  });

  test('a plan of several changes has an answer for each, and what all would do', async () => {
    const requests = [
      { method: 'POST', path: '/networks/create', body: { Name: 'dry' } },
      { method: 'GET', path: '/networks/dry' },
      { method: 'DELETE', path: '/networks/other' },
    ];
    const { status, json } = await call('POST', '/passerelle/plan', requests);
    expect(status).toBe(200);
    const { answers, steps } = json as { answers: { status: number; body: string }[]; steps: unknown[] };
    expect(answers.map((answer) => answer.status)).toEqual([201, 200, 404]);
    expect(JSON.parse(answers[1]!.body)).toMatchObject({ Name: 'dry' });
    expect(JSON.parse(answers[2]!.body)).toEqual({ message: 'network other not found' });
    expect(steps).toHaveLength(1);
    expect(await call('POST', '/passerelle/plan', { no: 'list' })).toMatchObject({ status: 400 });
  });

  test('connect passes on what was asked of the place', async () => {
    const EndpointConfig = {
      Aliases: ['a'],
      Links: null,
      IPAMConfig: { IPv4Address: '172.18.0.9', LinkLocalIPs: ['169.254.0.1'] },
      DriverOpts: { k: 'v' },
    };
    const answer = await call('POST', '/networks/golden/connect', { Container: 'c', EndpointConfig });
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(api.engine.calls[0]).toEqual([
      'networks.connect',
      'golden',
      'c',
      {
        aliases: ['a'],
        ipv4Address: '172.18.0.9',
        linkLocalAddresses: ['169.254.0.1'],
        driverOptions: { k: 'v' },
      },
    ]);
  });
});

describe('containers', () => {
  test.each([
    ['{}', 400, 'Config cannot be empty in order to create a container'],
    ['{"Image":"nope"}', 404, 'No such image: nope'],
    [
      '{"Image":"busybox","HostConfig":{"Mounts":[{"Type":"npipe"}]}}',
      400,
      'mount type unknown: "npipe": use bind, volume or tmpfs',
    ],
    [
      '{"Image":"busybox","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
      400,
      'json: cannot unmarshal number into Go struct field ContainerConfigWrapper.HostConfig.PortBindings.80/tcp.HostPort of type string',
    ],
  ])('create %s', async (body, status, text) => {
    const answer = await call('POST', '/containers/create', body);
    expect([answer.status, message(answer)]).toEqual([status, text]);
  });

  test('start, start again, stop, wait, remove', async () => {
    const id = await created();
    expect((await call('POST', `/containers/${id}/start`)).status).toBe(204);
    const again = await call('POST', `/containers/${id}/start`);
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await call('POST', `/containers/${id}/stop?t=3`)).status).toBe(204);
    expect((await call('POST', `/containers/${id}/wait`)).text).toBe('{"Error":null,"StatusCode":143}\n');
    expect((await call('DELETE', `/containers/${id}?v=1&force=1`)).status).toBe(204);
    expect(api.engine.calls.slice(1)).toEqual([
      ['containers.stop', id, { seconds: 3, signal: undefined }],
      ['containers.remove', id, { force: true, volumes: true }],
    ]);
    expect(message(await call('GET', `/containers/${id}/json`))).toBe(`No such container: ${id}`);
  });

  test('wait answers with its head at once, and with the end when it comes', async () => {
    const id = await created();
    const asked = request({
      socketPath: api.socket,
      method: 'POST',
      path: `/containers/${id}/wait?condition=next-exit`,
    });
    asked.end();
    const [answer] = await once(asked, 'response');
    expect(answer.statusCode).toBe(200);
    await call('POST', `/containers/${id}/start`);
    await call('POST', `/containers/${id}/kill`);
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    expect(text).toBe('{"Error":null,"StatusCode":137}\n');
    expect(message(await call('POST', `/containers/${id}/wait?condition=foo`))).toBe('invalid condition: "foo"');
  });

  test('lists: only what runs, unless more is asked for, newest first', async () => {
    const [first, second] = [await created({ Labels: { list: '1' } }), await created({ Labels: { list: '2' } })];
    await call('POST', `/containers/${first}/start`);
    const ids = async (query: string, filters: object): Promise<string[]> => {
      const all = JSON.stringify({ label: ['list'], ...filters });
      const { json } = await call('GET', `/containers/json?${query}&filters=${encodeURIComponent(all)}`);
      return (json as { Id: string }[]).map(({ Id }) => Id);
    };
    expect(await ids('', {})).toEqual([first]);
    expect(await ids('all=1', {})).toEqual([second, first]);
    expect(await ids('limit=1', {})).toEqual([second]);
    expect(await ids('', { status: ['created'] })).toEqual([second]);
    expect(await ids('', { since: [first] })).toEqual([second]);
    expect(await ids('', { before: [second] })).toEqual([first]);
    expect(await ids('all=1', { label: ['list=2'] })).toEqual([second]);
    expect(await ids('all=1', { network: ['bridge'], ancestor: ['busybox'] })).toEqual([second, first]);
    expect(await ids('all=1', { network: ['golden'] })).toEqual([]);
    await call('POST', `/containers/${first}/kill`);
    await call('DELETE', `/containers/${first}`);
    await call('DELETE', `/containers/${second}`);
  });

  test('update passes on only what is to change', async () => {
    const id = await created();
    const body = { Memory: 1024, CpuShares: 0, PidsLimit: null, Devices: [], RestartPolicy: { Name: '' } };
    expect((await call('POST', `/containers/${id}/update`, body)).status).toBe(200);
    expect(api.engine.calls.at(-1)).toEqual(['containers.update', id, { Memory: 1024 }]);
  });

  test('archive: the stat is in a header, also for HEAD', async () => {
    const id = await created();
    expect(message(await call('GET', `/containers/${id}/archive`))).toBe('bad parameter: path cannot be empty');
    for (const method of ['GET', 'HEAD']) {
      const { headers } = await call(method, `/containers/${id}/archive?path=/etc`);
      const stat = Buffer.from(String(headers['x-docker-container-path-stat']), 'base64').toString();
      expect(JSON.parse(stat)).toMatchObject({ name: 'etc', linkTarget: '' });
    }
    expect((await call('PUT', `/containers/${id}/archive?path=/etc`, 'x')).status).toBe(200);
  });

  test('top says what ps says', async () => {
    const id = await created();
    const { json } = await call('GET', `/containers/${id}/top?ps_args=-eo%20pid,comm`);
    expect(json).toMatchObject({ Titles: ['PID', 'COMMAND'], Processes: [[String(process.pid), expect.any(String)]] });
    expect(message(await call('GET', `/containers/${id}/top?ps_args=--nonsense`))).toContain('error running ps');
  });
});

describe('streams', () => {
  test('logs need a stream', async () => {
    const id = await created();
    expect(message(await call('GET', `/containers/${id}/logs`))).toBe(
      'Bad parameters: you must choose at least one stream',
    );
  });

  test('logs: frames, times, and the content type of the version', async () => {
    const id = await created();
    await call('POST', `/containers/${id}/start`);
    const cat = api.engine.cats.get(id)!;
    cat.say('stdout', Buffer.from('one\n'));
    cat.say('stderr', Buffer.from('two\n'));
    cat.kill(0);
    const query = 'stdout=1&stderr=1&timestamps=1&follow=1&tail=5&since=1.5&until=2';
    const answer = await call('GET', `/v1.42/containers/${id}/logs?${query}`);
    const time = '2024-05-06T07:08:09.123456789Z';
    expect(answer.text).toBe(`\u0001\0\0\0\0\0\0\u0023${time} one\n\u0002\0\0\0\0\0\0\u0023${time} two\n`);
    expect(answer.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    expect(api.engine.calls.at(-1)?.[2]).toEqual({
      stdout: true,
      stderr: true,
      follow: true,
      tail: 5,
      since: '1970-01-01T00:00:01.500000000Z',
      until: '1970-01-01T00:00:02.000000000Z',
    });
    expect((await call('GET', `/v1.41/containers/${id}/logs?stdout=1`)).headers['content-type']).toBeUndefined();
  });

  test('a follower that goes away is let go', async () => {
    const id = await created();
    await call('POST', `/containers/${id}/start`);
    const asked = request({ socketPath: api.socket, path: `/containers/${id}/logs?stdout=1&follow=1` });
    asked.end();
    await once(asked, 'response');
    asked.on('error', () => undefined);
    asked.destroy();
    await expect.poll(() => api.engine.cats.get(id)!.left).toBe(true);
  });

  test.each([
    ['with Upgrade', 'Connection: Upgrade\r\nUpgrade: tcp\r\n', 'HTTP/1.1 101 UPGRADED'],
    ['plain', '', 'HTTP/1.1 200 OK'],
  ])('attach %s: the client ends its side, and still gets what follows', async (_, headers, status) => {
    const id = await created({ OpenStdin: true });
    await call('POST', `/containers/${id}/start`);
    const path = `/v1.41/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
    const text = await raw(
      `POST ${path} HTTP/1.1\r\nHost: d\r\n${headers}Content-Length: 0\r\n\r\n`,
      async (socket) => {
        socket.write('hello\n');
        await sleep(10);
        socket.end('again\n');
      },
    );
    const [head, body] = text.split('\r\n\r\n', 2);
    expect(head).toContain(status);
    expect(head).toContain('Content-Type: application/vnd.docker.raw-stream');
    expect(body).toBe('\u0001\0\0\0\0\0\0\u0006hello\n\u0001\0\0\0\0\0\0\u0006again\n\u0002\0\0\0\0\0\0\u0004bye\n');
    expect(api.errors).toEqual([]);
  });

  test('what is sent right behind the head of an upgrade is input, and a body is not', async () => {
    const id = await created({ OpenStdin: true });
    await call('POST', `/containers/${id}/start`);
    const path = `/v1.42/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
    const head = `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\n`;
    const text = await raw(`${head}bodyinput`, (socket) => void socket.end());
    expect(text).toContain('\u0005input');
    expect(text).not.toContain('body');
    expect(text).toContain('Content-Type: application/vnd.docker.multiplexed-stream');
  });

  test('input as a chunked body', async () => {
    const id = await created({ OpenStdin: true });
    await call('POST', `/containers/${id}/start`);
    const path = `/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
    const head = `POST ${path} HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const text = await raw(head, (socket) => void socket.write('5\r\nhello\r\n0\r\n\r\n'));
    expect(text).toContain('\u0005hello');
    expect(text).toContain('bye');
  });

  test('the keys end an attach to a terminal, and the container runs on', async () => {
    const id = await created({ OpenStdin: true, Tty: true });
    await call('POST', `/containers/${id}/start`);
    const path = `/containers/${id}/attach?stream=1&stdin=1&stdout=1`;
    const head = `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`;
    const text = await raw(head, (socket) => void socket.write(Buffer.from('hi\u0010\u0011lost')));
    expect(text.split('\r\n\r\n')[1]).not.toContain('lost');
    const { json } = await call('GET', `/containers/${id}/json`);
    expect(json).toMatchObject({ State: { Running: true } });
  });

  test('a refusal of an upgrade is an ordinary answer', async () => {
    const text = await raw(
      'POST /containers/none/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    );
    expect(text).toContain('HTTP/1.1 404 Not Found');
    expect(text).toContain('{"message":"No such container: none"}');
  });

  test('exec: created, started with a body behind an upgrade, inspected', async () => {
    const id = await created();
    await call('POST', `/containers/${id}/start`);
    const body = { Cmd: ['sh', '-c', 'x'], AttachStdin: true, AttachStdout: true, User: 'u', Env: ['A=b'] };
    const exec = ((await call('POST', `/containers/${id}/exec`, body)).json as { Id: string }).Id;
    const start = JSON.stringify({ Detach: false, Tty: false });
    const head =
      `POST /exec/${exec}/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${start.length}\r\n\r\n`;
    const text = await raw(head + start, (socket) => void socket.end('to exec'));
    expect(text).toContain('\u0007to exec');
    expect((await call('GET', `/exec/${exec}/json`)).json).toMatchObject({
      Running: false,
      ExitCode: 0,
      ProcessConfig: { tty: false, entrypoint: 'sh', arguments: ['-c', 'x'], privileged: false, user: 'u' },
      OpenStdin: true,
      ContainerID: id,
    });
  });

  test('exec: the head comes before the process starts', async () => {
    const id = await created();
    const exec = ((await call('POST', `/containers/${id}/exec`, { Cmd: ['cat'] })).json as { Id: string }).Id;
    let release = (): void => {};
    api.engine.held = new Promise((resolve) => (release = resolve));
    const head = `POST /exec/${exec}/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`;
    const text = await raw(head, async () => {
      expect(api.engine.cats.has(exec)).toBe(false);
      release();
      await expect.poll(() => api.engine.cats.has(exec)).toBe(true);
      api.engine.cats.get(exec)!.kill(0);
    });
    expect(text).toContain('HTTP/1.1 101 UPGRADED');
  });

  test('exec: what cannot be executed is said on the stream', async () => {
    const id = await created();
    const exec = ((await call('POST', `/containers/${id}/exec`, { Cmd: ['nope'] })).json as { Id: string }).Id;
    const answer = await call('POST', `/exec/${exec}/start`, {});
    expect(answer.text).toContain('exec: "nope": executable file not found\r\n');
    expect(answer.status).toBe(200);
  });

  test('progress: a failure before anything was said has a status, a later one is in the stream', async () => {
    const fine = await call('POST', '/images/create?fromImage=busybox&tag=1');
    expect(fine.text).toBe('{"status":"Pulling"}\r\n{"status":"Status: Downloaded newer image"}\r\n');
    const refused = await call('POST', '/images/create?fromImage=missing&tag=1');
    expect([refused.status, message(refused)]).toEqual([404, 'pull access denied for missing:1']);
    const broken = await call('POST', '/images/create?fromImage=broken&tag=1');
    expect([broken.status, broken.text]).toEqual([
      200,
      '{"status":"Pulling"}\r\n{"errorDetail":{"message":"connection reset"},"error":"connection reset"}\r\n',
    ]);
  });

  test('events: past and coming, filtered, until the time that was asked for', async () => {
    const id = await created({ Labels: { events: 'yes' } });
    await call('POST', `/containers/${id}/start`);
    const filters = encodeURIComponent(
      JSON.stringify({ type: ['container'], event: ['start', 'die'], container: [id] }),
    );
    const until = (Date.now() + 300) / 1000;
    const asking = call('GET', `/events?since=1&until=${until}&filters=${filters}`);
    await sleep(50);
    await call('POST', `/containers/${id}/kill`);
    const lines = (await asking).text.split('\n').filter(Boolean);
    expect(lines.map((line) => (JSON.parse(line) as { Action: string }).Action)).toEqual(['start', 'die']);
    expect(lines[0]).toContain(`{"status":"start","id":"${id}","from":"busybox:1","Type":"container","Action":"start"`);
    expect(lines[0]).toContain('"scope":"local","time":1714979289,"timeNano":1714979289123456789}');
  });
});

test.each([
  ['POST', '/build', 501, 'Passerelle does not build images'],
  ['POST', '/commit', 501, 'docker import'],
  ['POST', '/swarm/leave', 503, 'This node is not part of a swarm'],
  ['GET', '/swarm', 503, 'This node is not a swarm manager.'],
  ['GET', '/nodes', 503, 'This node is not a swarm manager.'],
  ['GET', '/services', 503, 'This node is not a swarm manager.'],
])('%s %s is not ours', async (method, path, status, text) => {
  const answer = await call(method, path);
  expect([answer.status, message(answer)]).toEqual([status, expect.stringContaining(text)]);
});

test('volumes: created, listed, refused while used, removed', async () => {
  expect((await call('POST', '/volumes/create', { Name: 'v1', Labels: { a: 'b' } })).json).toEqual({
    CreatedAt: '2024-01-01T00:00:00Z',
    Driver: 'local',
    Labels: { a: 'b' },
    Mountpoint: '/volumes/v1',
    Name: 'v1',
    Options: null,
    Scope: 'local',
  });
  expect((await call('GET', '/volumes')).json).toMatchObject({ Volumes: [{ Name: 'v1' }], Warnings: null });
  expect((await call('POST', '/volumes/create', { Driver: 'nfs' })).status).toBe(404);
  expect(message(await call('GET', '/volumes/v2'))).toBe('get v2: no such volume');
  expect((await call('DELETE', '/volumes/v2?force=1')).status).toBe(204);
  // From 1.42 on a volume with a name is spared.
  expect((await call('POST', '/v1.42/volumes/prune')).json).toEqual({ VolumesDeleted: null, SpaceReclaimed: 0 });
  expect((await call('POST', '/v1.41/volumes/prune')).json).toMatchObject({ VolumesDeleted: ['v1'] });
});
