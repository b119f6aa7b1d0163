import { parseDuration } from '../../core/compose/units.ts';
import { ExitError } from '../command.ts';

/** A moment as the API takes it, seconds since 1970: from a date, such seconds, or `42m` ago. */
export function timestamp(moment: string, now: number): string | undefined {
  if (moment === '') return undefined;
  if (/^\d+(\.\d{1,9})?$/.test(moment)) return moment;
  const ago = parseDuration(moment);
  if (ago !== undefined) return ((now * 1e6 - ago) / 1e9).toFixed(3);
  const date = Date.parse(moment);
  if (Number.isNaN(date))
    throw new ExitError(`invalid time "${moment}": it should be a date as 2013-01-02T13:23:37Z, or a time ago as 42m`);
  return (date / 1000).toFixed(3);
}
