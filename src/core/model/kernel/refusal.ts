const WORDS = {
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EHOSTUNREACH: 'No route to host',
  EINVAL: 'Invalid argument',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
} as const;

/** What a kernel says when it does not do what it is asked, by the name of its error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: keyof typeof WORDS;

  constructor(code: keyof typeof WORDS, detail?: string) {
    super(detail ? `${WORDS[code]}: ${detail}` : WORDS[code]);
    this.code = code;
  }
}
