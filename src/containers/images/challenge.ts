/** What a registry wants to see before it answers: the `WWW-Authenticate` header. */
export interface Challenge {
  readonly scheme: 'bearer' | 'basic';
  /** By lower-case name: `realm`, `service`, `scope`, `error`. */
  readonly parameters: Readonly<Record<string, string>>;
}

const SCHEME = /(?:^|,\s*)(bearer|basic)\s+/gi;
const PARAMETER = /([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi;

/** The challenge to answer; a bearer's, where there are several. Undefined: none that we know. */
export function readChallenge(header: string | undefined): Challenge | undefined {
  const starts = [...(header ?? '').matchAll(SCHEME)];
  const challenges = starts.map((start, index): Challenge => {
    const text = header!.slice(start.index + start[0].length, starts[index + 1]?.index);
    const parameters = [...text.matchAll(PARAMETER)].map(([, name, quoted, plain]): [string, string] => [
      name!.toLowerCase(),
      quoted?.replace(/\\(.)/g, '$1') ?? plain!,
    ]);
    return { scheme: start[1]!.toLowerCase() as Challenge['scheme'], parameters: Object.fromEntries(parameters) };
  });
  return challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges[0];
}
