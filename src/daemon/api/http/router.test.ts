import { expect, test } from 'vitest';
import type { Call, Handler } from './call.ts';
import { empty } from './reply.ts';
import { Router } from './router.ts';

const named =
  (status: number): Handler =>
  () =>
    empty(status);

const router = new Router(
  { 'GET /containers/json': named(1), 'GET /containers/{id}/json': named(2) },
  { 'GET /images/{name*}/json': named(3), 'GET /images/{name*}/get': named(4), 'DELETE /images/{name*}': named(5) },
);

test.each([
  // A fixed path comes before a variable one that would take it too.
  ['GET', '/containers/json', 1, {}],
  ['GET', '/containers/c1/json', 2, { id: 'c1' }],
  // Image names hold slashes, and parts that look like the end of another route.
  ['GET', '/images/localhost:5000/a/b:1/json', 3, { name: 'localhost:5000/a/b:1' }],
  ['GET', '/images/json/json', 3, { name: 'json' }],
  ['GET', '/images/a/get', 4, { name: 'a' }],
  ['DELETE', '/images/a/json', 5, { name: 'a/json' }],
])('%s %s', async (method, path, status, params) => {
  const found = router.find(method, path);
  expect(found?.params).toEqual(params);
  expect(await found?.handler({} as Call)).toMatchObject({ status });
});

test.each([
  ['POST', '/containers/json'],
  ['GET', '/containers/a/b/json'],
  ['GET', '/containers//json'],
  ['GET', '/'],
  ['GET', ''],
])('nothing is found for %s %s', (method, path) => {
  expect(router.find(method, path)).toBeUndefined();
});
