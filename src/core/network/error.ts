/** The kinds of refusal, each with one HTTP status in the Engine API. */
export type ErrorCode =
  | 'invalid' // 400
  | 'forbidden' // 403
  | 'not-found' // 404
  | 'conflict' // 409
  | 'not-modified' // 304
  | 'internal' // 500
  | 'not-implemented' // 501
  | 'unavailable'; // 503

/** A refusal in Docker's own words. Clients depend on some of the texts; nobody here matches them. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
