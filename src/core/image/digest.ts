const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether the text is `sha256:` and 64 lower-case hexadecimal digits: then its digits are safe as a file name. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}
