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
