/**
 * What can't be known forks the walk: it is walked once for each answer to each question.
 *
 * A walk is a function of its answers. It asks, gets the answer that this run tries, and is run
 * again with the other one: so nothing else in the walk has to speak of what is not known.
 */

/** A question that the model can't answer. */
export interface Fact {
  /** Two questions of one key have one answer in a run. */
  readonly key: string;
  /** What is missing, as a person would say it: `whether the rate of \`limit\` is exceeded`. */
  readonly missing: string;
  /** The rule that asks, in its own words. */
  readonly rule?: string;
}

export interface Answered {
  readonly fact: Fact;
  readonly answer: boolean;
}

export class Choices {
  readonly taken: Answered[] = [];
  readonly #plan: readonly boolean[];
  readonly #known = new Map<string, boolean>();

  constructor(plan: readonly boolean[]) {
    this.#plan = plan;
  }

  /** The answer of this run; `false` first: a match that is not understood does not match. */
  ask(fact: Fact): boolean {
    const known = this.#known.get(fact.key);
    if (known !== undefined) return known;
    const answer = this.#plan[this.taken.length] ?? false;
    this.#known.set(fact.key, answer);
    this.taken.push({ fact, answer });
    return answer;
  }
}

/** Beyond so many runs the answer is unknown anyway. */
const RUNS = 64;

export interface Branch<T> {
  readonly taken: readonly Answered[];
  readonly result: T;
}

/** All ways that `run` may go. `complete` is false where there are too many to walk them all. */
export function explore<T>(run: (choices: Choices) => T): {
  readonly branches: readonly Branch<T>[];
  readonly complete: boolean;
} {
  const branches: Branch<T>[] = [];
  const plans: (readonly boolean[])[] = [[]];
  for (let plan = plans.pop(); plan; plan = plans.pop()) {
    if (branches.length === RUNS) return { branches, complete: false };
    const choices = new Choices(plan);
    const result = run(choices);
    const answers = choices.taken.map(({ answer }) => answer);
    branches.push({ taken: choices.taken, result });
    for (let index = plan.length; index < answers.length; index += 1) {
      plans.push([...answers.slice(0, index), !answers[index]!]);
    }
  }
  return { branches, complete: true };
}
