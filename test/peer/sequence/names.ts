/** The names that ids have in the comparison: those that the steps gave. */
export class IdNames {
  readonly #byId = new Map<string, string>();
  readonly #byName = new Map<string, string>();

  /** A second object of a name is another one: `n1'2`. */
  add(name: string, id: string): void {
    let unique = name;
    for (let count = 2; this.#byName.has(unique); count++) unique = `${name}'${count}`;
    this.#byName.set(unique, id);
    this.#byId.set(id, unique);
  }

  /** Puts ids where a step has `{name}` or `{name:12}`. */
  fill(text: string): string {
    return text.replace(/\{([a-z]+\d?(?:'\d+)?)(:12)?\}/g, (_, name: string, isShort?: string) => {
      const id = this.#byName.get(name) ?? `no-${name}`;
      return isShort ? id.slice(0, 12) : id;
    });
  }

  /** The text with names in the place of ids. */
  normalise(text: string): string {
    let result = text;
    for (const [id, name] of this.#byId) {
      result = result.replaceAll(id, `<${name}>`).replaceAll(id.slice(0, 12), `<${name}:12>`);
    }
    return result.replace(/veth[0-9a-f]{7}/g, 'veth<some>');
  }
}

/** Numbers the ids that no step made as they come. */
export function numberIds(text: string): string {
  const known = new Map<string, string>();
  return text.replace(/[0-9a-f]{64}/g, (id) => {
    const number = known.get(id) ?? `<id ${known.size + 1}>`;
    known.set(id, number);
    return number;
  });
}
