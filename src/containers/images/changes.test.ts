import { expect, test } from 'vitest';
import { configOf } from './changes.ts';

test.each([
  [['CMD ["a", "b c"]'], { Cmd: ['a', 'b c'] }],
  [['cmd a "b c"'], { Cmd: ['/bin/sh', '-c', 'a "b c"'] }],
  [['CMD'], { Cmd: ['/bin/sh', '-c'] }],
  [['ENTRYPOINT ["x"]', 'CMD ["y"]'], { Entrypoint: ['x'], Cmd: ['y'] }],
  [['ENV A=b C="d e"'], { Env: ['A=b', 'C=d e'] }],
  [['ENV A b c'], { Env: ['A=b c'] }],
  [['ENV A="$HOME x" B=\\ c'], { Env: ['A= x', 'B= c'] }],
  [['ENV A=1', 'ENV B=2', 'ENV A=3'], { Env: ['B=2', 'A=3'] }],
  [['EXPOSE 80 81/udp'], { ExposedPorts: { '80/tcp': {}, '81/udp': {} } }],
  [['EXPOSE 80-82'], { ExposedPorts: { '80/tcp': {}, '81/tcp': {}, '82/tcp': {} } }],
  [['VOLUME /a /b'], { Volumes: { '/a': {}, '/b': {} } }],
  [['VOLUME ["/a b"]'], { Volumes: { '/a b': {} } }],
  [['WORKDIR x'], { WorkingDir: '/x' }],
  [['USER u:g'], { User: 'u:g' }],
  [['LABEL a=b "c d"="e f"', "LABEL g='h i'"], { Labels: { a: 'b', 'c d': 'e f', g: 'h i' } }],
  [['ONBUILD RUN x'], { OnBuild: ['RUN x'] }],
  [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'] } }],
  [
    ['HEALTHCHECK --interval=1m30s --retries=3 CMD a b'],
    { Healthcheck: { Test: ['CMD-SHELL', 'a b'], Interval: 90e9, Retries: 3 } },
  ],
  [['HEALTHCHECK CMD ["a"]'], { Healthcheck: { Test: ['CMD', 'a'] } }],
])('%j sets %j', (changes, config) => {
  expect(configOf(changes)).toEqual(config);
});

// As dockerd 20.10 answers.
test.each([
  ['RUN x', 'run is not a valid change command'],
  ['FOO', 'foo is not a valid change command'],
  ['STOPSIGNAL 9', 'stopsignal is not a valid change command'],
  ['ENV A', 'ENV must have two arguments'],
  ['EXPOSE x', 'Invalid containerPort: x'],
  ['EXPOSE 70000', 'Invalid containerPort: 70000'],
  ['EXPOSE 80/icmp', 'Invalid proto: icmp'],
  ['LABEL', 'LABEL requires at least one argument'],
  ['USER', 'USER requires exactly one argument'],
  ['HEALTHCHECK --foo=1 CMD a', 'Unknown flag: foo'],
  ['HEALTHCHECK --interval=x CMD a', 'time: invalid duration "x"'],
])('%j is refused', (change, message) => {
  expect(() => configOf([change])).toThrow(expect.objectContaining({ code: 'invalid', message }));
});
