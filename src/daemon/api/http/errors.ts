/** Refusals and failures as answers. */
import { EngineError, type ErrorCode } from '../../../core/network/error.ts';
import { empty, json, type Reply } from './reply.ts';

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  internal: 500,
  'not-implemented': 501,
  unavailable: 503,
};

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error is a refusal that the client caused, rather than a failure of ours. */
export function isRefusal(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code !== 'internal';
}

export function errorReply(error: unknown): Reply {
  const status = error instanceof EngineError ? STATUS[error.code] : 500;
  // HTTP allows no body with 304.
  return status === 304 ? empty(304) : json({ message: messageOf(error) }, status);
}
