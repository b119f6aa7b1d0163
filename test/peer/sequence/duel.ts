/** The two engines side by side: plays a sequence on both, and stops at the first step that parts them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeBusyboxArchive } from '../../../scripts/images.ts';
import { Stage } from '../../../scripts/stage.ts';
import type { Answer } from '../../support/api.ts';
import { Dockerd } from '../../support/dockerd.ts';
import { unexplained } from './allowances.ts';
import { compare, type Difference } from './compare.ts';
import type { Observation } from './observe.ts';
import { Side } from './side.ts';
import type { Step } from './step.ts';

/** How long the two get until they must be equal: links come up, processes end. */
const SETTLE_MILLISECONDS = 2000;

export interface Parting {
  /** What was played, up to the step that parts the two. */
  readonly steps: readonly Step[];
  readonly differences: readonly Difference[];
}

export class Duel {
  readonly #name: string;
  #stage: Stage | undefined;
  #dockerd: Dockerd | undefined;
  #theirs!: Side;
  #ours!: Side;
  /** Whether the last sequence has left the two equal. */
  #isClean = true;

  private constructor(name: string) {
    this.#name = name;
  }

  /** @param name what the names of its namespaces begin with */
  static async open(name: string): Promise<Duel> {
    const duel = new Duel(name);
    await duel.#start();
    return duel;
  }

  /**
   * Plays the steps that `next` gives from what dockerd was observed to be like, until there is none.
   * @returns where the two part first, if they do
   */
  async play(next: (observed: Observation, at: number) => Step | undefined): Promise<Parting | undefined> {
    await this.#clear();
    const steps: Step[] = [];
    let { differences, observed } = await this.#meet();
    while (differences.length === 0) {
      const step = next(observed, steps.length);
      if (!step) return undefined;
      steps.push(step);
      ({ differences, observed } = await this.#meet(steps));
    }
    this.#isClean = false;
    return { steps, differences };
  }

  /** Plays these steps. */
  replay(steps: readonly Step[]): Promise<Parting | undefined> {
    return this.play((_, at) => steps[at]);
  }

  async close(): Promise<void> {
    this.#theirs.close();
    this.#ours.close();
    await this.#stage?.close();
    await this.#dockerd?.close();
  }

  async #start(): Promise<void> {
    this.#stage = await Stage.set(this.#name);
    await this.#stage.startDaemon();
    this.#dockerd = await Dockerd.start(`${this.#name}-dockerd`, ['--experimental', '--ip6tables']);
    await settle(this.#dockerd);
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

  /** Has both do the last of the steps, and waits until they are the same. */
  async #meet(steps: readonly Step[] = []): Promise<{ differences: readonly Difference[]; observed: Observation }> {
    const step = steps.at(-1);
    const [theirs, ours] = step ? await Promise.all([answerOf(step, this.#theirs), this.#ours.play(step)]) : [];
    const until = Date.now() + SETTLE_MILLISECONDS;
    for (;;) {
      const [a, b] = await Promise.all([this.#theirs.observe(), this.#ours.observe()]);
      const differences = unexplained(compare({ ...a, answer: theirs }, { ...b, answer: ours }), {
        observed: a,
        steps,
        theirs,
        ours,
      });
      const isSame = differences.length === 0;
      if (isSame || Date.now() > until) {
        this.#theirs.accept();
        this.#ours.accept();
        return { differences, observed: a };
      }
      await sleep(100);
    }
  }
}

/** dockerd's answer, or that of its successors. */
function answerOf(step: Step, dockerd: Side): Promise<Answer> {
  if (!step.later) return dockerd.play(step);
  const { status, message } = step.later;
  return Promise.resolve({ status, body: { message } });
}

/** dockerd shows its default bridge's gateway from its second start on, and uses ip6tables from its first IPv6 network on. */
async function settle(dockerd: Dockerd): Promise<void> {
  await dockerd.stop();
  await dockerd.launch();
  await dockerd.docker(...'network create --ipv6 --subnet 10.10.0.0/24 --subnet fd00:10::/64 first'.split(' '));
  await dockerd.docker('network', 'rm', 'first');
}
