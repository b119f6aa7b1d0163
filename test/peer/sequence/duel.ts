/** The two engines side by side: plays a sequence on both, and stops at the first step that parts them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeBusyboxArchive } from '../../../scripts/images.ts';
import { Stage } from '../../../scripts/stage.ts';
import { Dockerd } from '../../support/dockerd.ts';
import { unexplained } from './allowances.ts';
import { compare, type Difference } from './compare.ts';
import { canonical } from './observe.ts';
import { Side } from './side.ts';
import type { Step } from './step.ts';

/** How long the two get until they must be equal: links come up, processes end. */
const SETTLE_MILLISECONDS = 2000;

export interface Parting {
  /** Which of the steps it was. */
  readonly at: number;
  readonly differences: readonly Difference[];
}

export class Duel {
  #stage: Stage | undefined;
  #dockerd: Dockerd | undefined;
  #theirs!: Side;
  #ours!: Side;
  /** Whether the last sequence has left the two equal. */
  #isClean = true;
  steps = 0;

  static async open(): Promise<Duel> {
    const duel = new Duel();
    await duel.#start();
    return duel;
  }

  /** The first step after which the two differ, if there is one. */
  async play(steps: readonly Step[]): Promise<Parting | undefined> {
    await this.#clear();
    for (const [at, step] of steps.entries()) {
      const differences = await this.#step(step);
      if (differences.length === 0) continue;
      this.#isClean = false;
      return { at, differences };
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#theirs.close();
    this.#ours.close();
    await this.#stage?.close();
    await this.#dockerd?.close();
  }

  async #start(): Promise<void> {
    this.#stage = await Stage.set('passerelle-peer');
    await this.#stage.startDaemon();
    this.#dockerd = await Dockerd.start('passerelle-dockerd', ['--experimental', '--ip6tables']);
    const archive = join(this.#stage.directory, 'busybox.tar');
    await writeBusyboxArchive(archive);
    await this.#stage.docker('load', '-i', archive);
    await this.#dockerd.docker('load', '-i', archive);
    this.#theirs = await Side.open(this.#dockerd.socket, this.#dockerd.netns);
    this.#ours = await Side.open(this.#stage.socket, this.#stage.host);
    this.#isClean = true;
  }

  /** What a parting leaves may part the next sequence too: both begin anew then. */
  async #clear(): Promise<void> {
    if (this.#isClean) {
      await Promise.all([this.#theirs.clear(), this.#ours.clear()]);
      return;
    }
    await this.close();
    await this.#start();
  }

  async #step(step: Step): Promise<readonly Difference[]> {
    this.steps++;
    const [theirs, ours] = await Promise.all([this.#theirs.play(step), this.#ours.play(step)]);
    const until = Date.now() + SETTLE_MILLISECONDS;
    for (;;) {
      const [a, b] = await Promise.all([this.#theirs.observe(), this.#ours.observe()]);
      const answers = canonical(theirs) === canonical(ours) ? [] : [{ path: 'answer', theirs, ours }];
      const differences = unexplained([...answers, ...compare(a, b)], a);
      if (differences.length === 0 || Date.now() > until) return differences;
      await sleep(100);
    }
  }
}
