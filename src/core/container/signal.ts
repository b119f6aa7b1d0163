import { EngineError } from '../network/error.ts';

/** Linux signal numbers by name, without SIG (signal(7), x86 and arm). */
const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
  RTMIN: 34,
  RTMAX: 64,
};

/** A signal by number or name, with or without SIG, in any case; `RTMIN+3` too. */
export function parseSignal(text: string): number {
  const wrong = (): EngineError => new EngineError('invalid', `Invalid signal: ${text}`);
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > 64) throw wrong();
    return number;
  }
  const match = /^(?:SIG)?([A-Z0-9]+?)(?:([+-])(\d{1,2}))?$/.exec(text.toUpperCase());
  const base = match && SIGNALS[match[1]!];
  if (!base) throw wrong();
  const number = base + (match[2] ? Number(`${match[2]}${match[3]}`) : 0);
  if (match[2] && (!match[1]!.startsWith('RT') || number < 34 || number > 64)) throw wrong();
  return number;
}
