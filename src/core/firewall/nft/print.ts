/** Writes a listing as `nft -j list ruleset` prints it. */
import type { Json, JsonObject } from './ruleset.ts';

export function printRuleset(objects: readonly JsonObject[]): string {
  return `${printJson({ nftables: objects })}\n`;
}

/** With a space behind `:` and `,`, as jansson does. */
function printJson(json: Json): string {
  if (Array.isArray(json)) return `[${(json as readonly Json[]).map(printJson).join(', ')}]`;
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  const entries = Object.entries(json).map(([name, value]) => `${JSON.stringify(name)}: ${printJson(value)}`);
  return `{${entries.join(', ')}}`;
}
