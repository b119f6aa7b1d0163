/** Values of driver options, which are text, read as Docker reads them. */
import { parseAddress, printAddress, type Address, type Version } from '../address/address.ts';
import { EngineError } from './error.ts';
import type { Labels } from './network.ts';

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);
const INTEGER = /^[+-]?\d+$/;
const LARGEST = 2n ** 63n - 1n;

/** One refusal for all kinds of values. */
export function badOption(label: string, value: string, why: string): EngineError {
  return new EngineError('invalid', `failed to parse ${label} value: ${value} (${why})`);
}

/** Undefined if the option is not there. */
export function booleanOption(options: Labels, label: string): boolean | undefined {
  const value = options[label];
  if (value === undefined) return undefined;
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw badOption(label, value, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

export function integerOption(options: Labels, label: string): number | undefined {
  const value = options[label];
  if (value === undefined) return undefined;
  const problem = (why: string) => badOption(label, value, `strconv.Atoi: parsing ${JSON.stringify(value)}: ${why}`);
  if (!INTEGER.test(value)) throw problem('invalid syntax');
  const number = BigInt(value.replace(/^\+/, ''));
  if (number > LARGEST || number < -LARGEST - 1n) throw problem('value out of range');
  return Number(number);
}

/** Canonical text. `version`: the only one that will do. */
export function addressOption(options: Labels, label: string, version?: Version): string | undefined {
  const value = options[label];
  if (value === undefined) return undefined;
  const address: Address | undefined = parseAddress(value);
  if (!address || (version !== undefined && address.version !== version)) throw badOption(label, value, 'nil ip');
  return printAddress(address);
}
