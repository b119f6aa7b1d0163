/** Where two observations differ. */
export interface Difference {
  /** `containers › <c1> › State › Error` */
  readonly path: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

export function compare(theirs: unknown, ours: unknown, path: readonly string[] = []): Difference[] {
  if (isRecord(theirs) && isRecord(ours)) {
    const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
    return [...keys].flatMap((key) => compare(theirs[key], ours[key], [...path, key]));
  }
  if (JSON.stringify(theirs) === JSON.stringify(ours)) return [];
  if (Array.isArray(theirs) && Array.isArray(ours) && theirs.length === ours.length && theirs.every(isRecord)) {
    return theirs.flatMap((item, index) => compare(item, ours[index], [...path, String(index)]));
  }
  return [{ path: path.join(' › '), theirs, ours }];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function printDifference({ path, theirs, ours }: Difference): string {
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    const [a, b] = [theirs, ours].map((list) => list.map((item) => JSON.stringify(item)));
    const lines = [
      ...a!.map((line) => `${b!.includes(line) ? ' ' : '-'} ${line}`),
      ...b!.filter((line) => !a!.includes(line)).map((line) => `+ ${line}`),
    ];
    const isOrder = a!.length === b!.length && a!.every((line) => b!.includes(line));
    return [
      `${path}${isOrder ? ' (ours in another order)' : ''}`,
      ...(isOrder ? [...a!.map((line) => `- ${line}`), ...b!.map((line) => `+ ${line}`)] : lines),
    ].join('\n    ');
  }
  return `${path}\n    - ${JSON.stringify(theirs)}\n    + ${JSON.stringify(ours)}`;
}
