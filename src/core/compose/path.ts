/** POSIX paths, as compose files have them. */

/** Without `.`, `..` and doubled slashes; never empty. */
export function normalizePath(path: string): string {
  const absolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!absolute) parts.push('..');
  }
  return (absolute ? '/' : '') + parts.join('/') || '.';
}

/** `path` seen from the folder `base`; `~` is the user's home. */
export function resolvePath(base: string, path: string, home: string): string {
  const expanded = path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
  return normalizePath(expanded.startsWith('/') ? expanded : `${base}/${expanded}`);
}

export function folderOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '.' : path.slice(0, end) || '/';
}

export function baseName(path: string): string {
  return path.replace(/\/+$/, '').replace(/^.*\//, '');
}
