/** Instants, as the API's queries and bodies write them. RFC 3339 with nanoseconds is what the engine speaks. */
import { parseDuration } from '../../../core/compose/units.ts';
import { EngineError } from '../../../core/network/error.ts';

const MILLION = 1_000_000n;
const BILLION = 1_000_000_000n;

/** Nanoseconds since 1970 of an RFC 3339 text. */
export function nanoseconds(time: string): bigint {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  const seconds = Date.parse(time.replace(/\.\d+/, ''));
  return BigInt(seconds) * MILLION + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** Whole seconds since 1970. */
export const seconds = (time: string): number => Number(nanoseconds(time) / BILLION);

/** RFC 3339 in UTC with nine digits after the second. */
export function printInstant(nanos: bigint): string {
  const rest = ((nanos % BILLION) + BILLION) % BILLION;
  const whole = new Date(Number((nanos - rest) / MILLION)).toISOString().slice(0, 19);
  return `${whole}.${rest.toString().padStart(9, '0')}Z`;
}

/** Reads `1700000000`, `1700000000.5` or RFC 3339; undefined for an empty text and for zero. */
export function readInstant(text: string): string | undefined {
  if (text === '' || text === '0') return undefined;
  const instant = parseInstant(text);
  if (instant !== undefined) return instant;
  throw new EngineError('invalid', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseInstant(text: string): string | undefined {
  const unix = /^(-?\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return printInstant(BigInt(unix[1]!) * BILLION + BigInt((unix[2] ?? '').padEnd(9, '0')));
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return printInstant(nanoseconds(text));
  return undefined;
}

/** Reads what `readInstant` does, or a Go duration (`10m`, `1h30m`, `5ms`): that long before `now`, at the last full second as in Docker. */
export function readInstantOrAge(text: string, now: string): string {
  const age = parseDuration(text);
  if (age !== undefined) return printInstant(((nanoseconds(now) - BigInt(age)) / BILLION) * BILLION);
  const instant = parseInstant(text);
  if (instant !== undefined) return instant;
  throw new EngineError('invalid', `failed to parse value as time or duration: ${JSON.stringify(text)}`);
}
