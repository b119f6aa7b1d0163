/** The names that ids have in the comparison: those that the steps gave. */
export class IdNames {
  readonly #byId = new Map<string, string>();
  readonly #latest = new Map<string, string>();
  readonly #count = new Map<string, number>();

  /** A second object of a name is another one. */
  add(name: string, id: string): void {
    const count = (this.#count.get(name) ?? 0) + 1;
    this.#count.set(name, count);
    this.#latest.set(name, id);
    this.#byId.set(id, count === 1 ? name : `${name}'${count}`);
  }

  /** Puts ids where a step has `{name}` or `{name:12}`. */
  fill(text: string): string {
    return text.replace(/\{([a-z]\d)(:12)?\}/g, (_, name: string, isShort?: string) => {
      const id = this.#latest.get(name) ?? `no-${name}`;
      return isShort ? id.slice(0, 12) : id;
    });
  }

  /** The text with names in the place of ids; ids that no step made are numbered as they come. */
  normalise(text: string): string {
    const others = new Map<string, string>();
    const number = (kind: string, id: string): string => {
      const key = `${kind} ${id}`;
      if (!others.has(key)) others.set(key, `<${kind} ${others.size + 1}>`);
      return others.get(key)!;
    };
    let result = text;
    for (const [id, name] of this.#byId) {
      result = result.replaceAll(id, `<${name}>`).replaceAll(id.slice(0, 12), `<${name}:12>`);
    }
    return result.replace(/[0-9a-f]{64}/g, (id) => number('id', id)).replace(/veth[0-9a-f]{7}/g, 'veth<some>');
  }
}
