/** One of the two engines: plays steps, and says what came of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type Answer } from '../../support/api.ts';
import { NamespaceShell } from '../../support/shell.ts';
import { IdNames, numberIds } from './names.ts';
import { canonical, observe, type Observation } from './observe.ts';
import { eventsInOrder } from './order.ts';
import type { Step } from './step.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none']);

interface Event {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
}

export class Side {
  readonly #api: Api;
  readonly #shell: NamespaceShell;
  readonly #following = new AbortController();
  #names = new IdNames();
  #events: Event[] = [];
  /** How many of the events the last observation had. */
  #observed = 0;

  private constructor(socket: string, netns: string) {
    this.#api = new Api(socket);
    this.#shell = new NamespaceShell(netns);
  }

  static async open(socket: string, netns: string): Promise<Side> {
    const side = new Side(socket, netns);
    await side.#api.follow('/events', (line) => side.#events.push(JSON.parse(line) as Event), side.#following.signal);
    await side.clear();
    return side;
  }

  /** Removes what a sequence made; again what was still on its way out. */
  async clear(): Promise<void> {
    for (let isClear = false; !isClear;) {
      const containers = await this.#api.get<{ Id: string }[]>('/containers/json?all=1');
      for (const { Id } of containers) await this.#api.call('DELETE', `/containers/${Id}?force=1`);
      const networks = await this.#api.get<{ Id: string; Name: string }[]>('/networks');
      const made = networks.filter(({ Name }) => !PREDEFINED.has(Name));
      for (const { Id } of made) await this.#api.call('DELETE', `/networks/${Id}`);
      this.#names = new IdNames();
      for (const { Id, Name } of networks) if (PREDEFINED.has(Name)) this.#names.add(Name, Id);
      isClear = containers.length === 0 && made.length === 0;
    }
    // What is told of the last removals comes after their answers.
    await sleep(100);
    this.#events = [];
  }

  /** Plays a step; the answer has names for ids. */
  async play({ method, path, body }: Step): Promise<Answer> {
    const text = this.#names.fill(JSON.stringify(body ?? null));
    const answer = await this.#api
      .call(method, this.#names.fill(path), JSON.parse(text) ?? undefined)
      // dockerd answers nothing when it panics.
      .catch((error: Error) => ({ status: 0, body: { message: error.message } }));
    const id = (answer.body as { Id?: string } | undefined)?.Id;
    const name = /name=(\w+)/.exec(path)?.[1] ?? (body as { Name?: string } | undefined)?.Name;
    if (answer.status === 201 && id && name) this.#names.add(name, id);
    const shown = JSON.parse(
      numberIds(this.#names.normalise(canonical(answer.body ?? null))).replace(
        /"Created":"[^"]*"/g,
        '"Created":"<time>"',
      ),
    ) as unknown;
    (shown as { NetworksDeleted?: string[] } | null)?.NetworksDeleted?.sort();
    if (Array.isArray(shown)) shown.sort((a: { Name: string }, b: { Name: string }) => (a.Name < b.Name ? -1 : 1));
    return { status: answer.status, body: shown };
  }

  async observe(): Promise<Observation> {
    const observation = await observe(this.#api, this.#shell, this.#names);
    this.#observed = this.#events.length;
    return { ...observation, events: eventsInOrder(this.#events.map((event) => this.#presentEvent(event))) };
  }

  /** Leaves the events that were observed behind; those that come late belong to the next step. */
  accept(): void {
    this.#events.splice(0, this.#observed);
  }

  #presentEvent({ Type, Action, Actor }: Event): string {
    return this.#names.normalise(`${Type} ${Action} ${Actor.ID} ${canonical(Actor.Attributes)}`);
  }

  close(): void {
    this.#following.abort();
    this.#shell.close();
    this.#api.close();
  }
}
