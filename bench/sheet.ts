/** What was measured: for each measure, the values of each peer, in the order in which they came. */

/** Who does the work: our two back ends, and those that we are compared with. */
export type Peer = 'nftables' | 'iptables' | 'dockerd' | 'netavark' | 'cni';

export type Unit = 'ms' | 'µs' | 'Gbit/s' | '/s' | 'MB' | 'kB';

export interface Measure {
  readonly work: string;
  readonly name: string;
  readonly unit: Unit;
  readonly values: ReadonlyMap<Peer, readonly number[]>;
}

export class Sheet {
  readonly #measures = new Map<string, { work: string; name: string; unit: Unit; values: Map<Peer, number[]> }>();

  add(work: string, name: string, peer: Peer, unit: Unit, value: number): void {
    const key = `${work}\n${name}`;
    const measure = this.#measures.get(key) ?? { work, name, unit, values: new Map<Peer, number[]>() };
    this.#measures.set(key, measure);
    const values = measure.values.get(peer);
    if (values) values.push(value);
    else measure.values.set(peer, [value]);
  }

  measures(): readonly Measure[] {
    return [...this.#measures.values()];
  }

  find(name: string): Measure | undefined {
    return this.measures().find((measure) => measure.name === name);
  }
}
