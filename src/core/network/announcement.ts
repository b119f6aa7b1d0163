/** How often the members of a network are told of a new address, and which link has it. */
import { EngineError } from './error.ts';
import type { Labels } from './network.ts';

const COUNT = 'com.docker.network.advertise_addr_nmsgs';
const INTERVAL = 'com.docker.network.advertise_addr_ms';

export interface Announcement {
  /** 0: they find out by themselves. */
  readonly count: number;
  /** ms */
  readonly interval: number;
}

/** With Docker's defaults and limits, which are those of RFC 5227 and 4861. Throws EngineError invalid. */
export function parseAnnouncement(options: Labels): Announcement {
  return {
    count: within(options, COUNT, 3, { from: 0, to: 3, unit: 'an integer' }),
    interval: within(options, INTERVAL, 1000, { from: 100, to: 2000, unit: 'integer milliseconds' }),
  };
}

function within(
  options: Labels,
  label: string,
  otherwise: number,
  { from, to, unit }: { readonly from: number; readonly to: number; readonly unit: string },
): number {
  const text = options[label];
  if (text === undefined) return otherwise;
  if (!/^[+-]?\d+$/.test(text)) {
    throw new EngineError('invalid', `value for option ${label} ${JSON.stringify(text)} must be ${unit}`);
  }
  const value = Number(text);
  if (value >= from && value <= to) return value;
  throw new EngineError('invalid', `${label} must be in the range ${from} to ${to}`);
}
