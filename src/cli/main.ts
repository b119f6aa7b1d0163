#!/usr/bin/env node
/** The program `passerelle`. */
import { main } from './program.ts';

/** Whoever read our output has gone: there is nobody left to write to. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  in: process.stdin,
  environment: process.env,
  folder: process.cwd(),
  now: () => Date.now(),
});
