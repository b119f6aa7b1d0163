/** Words of iptables' own language: what may stand bare, and what must be quoted. */

const BARE = /^[\w-]+$/;
const WORD = /^[^\s"'\\!\p{Cc}-][^\s"'\\\p{Cc}]*$/u;
const ESCAPED = /["\\']/;
const CONTROL = /\p{Cc}/u;

/** A value that iptables would read as something else than one word of a rule. */
export class RuleTextError extends Error {
  override readonly name = 'RuleTextError';
}

/** `text`, which must be exactly one word that can't be taken for an option. `what` names it in the error. */
export function word(text: string, what: string): string {
  if (!WORD.test(text)) throw new RuleTextError(`${what} ${JSON.stringify(text)} can't stand in a firewall rule`);
  return text;
}

/** Text that is already in iptables-save's form and may hold several words. */
export function words(text: string, what: string): string {
  if (CONTROL.test(text)) throw new RuleTextError(`${what} ${JSON.stringify(text)} can't stand in a firewall rule`);
  return text;
}

/** Free text, quoted as iptables-save does: bare if it is made of letters, digits, `_` and `-` alone. */
export function quote(text: string, what: string): string {
  if (BARE.test(text)) return text;
  const safe = words(text, what);
  return ESCAPED.test(safe) ? `"${safe.replaceAll(/["\\']/g, String.raw`\$&`)}"` : `"${safe}"`;
}

/** The text that `quote` made a word of. */
export function unquote(quoted: string): string {
  if (!quoted.startsWith('"')) return quoted;
  const inner = quoted.slice(1, -1);
  return inner.includes('\\') ? inner.replaceAll(/\\(.)/g, '$1') : inner;
}

/** A port or an inclusive range: `80`, `80:90`; iptables joins some with `-`. */
export function ports(range: { readonly from: number; readonly to: number }, joint: ':' | '-' = ':'): string {
  return range.from === range.to ? port(range.from) : `${port(range.from)}${joint}${port(range.to)}`;
}

function port(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw new RuleTextError(`${value} is not a port`);
  return String(value);
}
