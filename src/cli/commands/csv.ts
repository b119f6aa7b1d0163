/** `key=value,key="with, comma"`: the fields of one value, as `--mount` and `--network` take them. */
export function readFields(spec: string): readonly (readonly [string, string])[] {
  const fields = [...spec.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map(([, field = '']) =>
    field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
  );
  return fields.map((field) => {
    const sign = field.indexOf('=');
    return sign < 0 ? [field.toLowerCase(), ''] : [field.slice(0, sign).toLowerCase(), field.slice(sign + 1)];
  });
}
