/**
 * The part of DNS messages (RFC 1035, 6891) that a name server needs which knows a few names and
 * hands everything else on as it is: the question of a query, and answers to it.
 */

export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const CLASS = { IN: 1, ANY: 255 } as const;
export const RCODE = { noError: 0, formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5 } as const;

const HEADER = 12;
const MAX_NAME = 255;
const MAX_LABEL = 63;
/** Records of our own may be kept this many seconds, as Docker's. */
const TTL = 600;
/** What every client takes over UDP, in bytes. */
const UDP_SIZE = 512;
/** What fits in a datagram at all. */
const MAX_UDP_SIZE = 65_507;
/** The size that we announce to take. */
const OUR_UDP_SIZE = 1232;
/** A pointer to the question's name, which stands right behind the header. */
const QUESTION_NAME = [0xc0, HEADER] as const;

const FLAG = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;
const OPCODE = 0x7800;

/** A query with one question. */
export interface Query {
  readonly message: Buffer;
  /** As it was asked, without the ending dot; undefined if its labels have bytes that no name of ours has. */
  readonly name: string | undefined;
  readonly type: number;
  readonly class: number;
  /** Where the question ends in the message. */
  readonly questionEnd: number;
  /** The largest answer over UDP that the client takes, in bytes. */
  readonly udpSize: number;
  /** Whether the client speaks EDNS, and so is to be answered with an OPT record. */
  readonly edns: boolean;
}

/** A record about the question's name. */
export interface Answer {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A query; or the answer to one that is wrong; or undefined for what deserves none. */
export function readQuery(message: Buffer): { readonly query: Query } | { readonly refusal: Buffer } | undefined {
  if (message.length < HEADER || flags(message) & FLAG.response) return undefined;
  if (flags(message) & OPCODE) return { refusal: refuse(message, RCODE.notImplemented) };
  try {
    return { query: readSections(message) };
  } catch (error) {
    if (error instanceof FormatError || error instanceof RangeError)
      return { refusal: refuse(message, RCODE.formatError) };
    throw error;
  }
}

class FormatError extends Error {}

function readSections(message: Buffer): Query {
  if (message.readUInt16BE(4) !== 1) throw new FormatError();
  const { labels, end } = readQuestionName(message);
  const questionEnd = end + 4;
  let edns: number | undefined;
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let at = questionEnd, count = 0; count < records; count++) {
    const fields = skipName(message, at);
    if (message.readUInt16BE(fields) === TYPE.OPT) edns = message.readUInt16BE(fields + 2);
    at = fields + 10 + message.readUInt16BE(fields + 8);
    if (at > message.length) throw new FormatError();
  }
  return {
    message,
    name: labels.every((label) => /^[!-\-/-~]+$/.test(label)) ? labels.join('.') : undefined,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    questionEnd,
    udpSize: Math.min(Math.max(edns ?? 0, UDP_SIZE), MAX_UDP_SIZE),
    edns: edns !== undefined,
  };
}

/** The labels of the name behind the header, a character a byte. Compression there is refused: it has nothing to point to. */
function readQuestionName(message: Buffer): { readonly labels: readonly string[]; readonly end: number } {
  const labels: string[] = [];
  for (let at = HEADER; ;) {
    const length = message.readUInt8(at++);
    if (length === 0) return { labels, end: at };
    if (length > MAX_LABEL || at + length - HEADER >= MAX_NAME) throw new FormatError();
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
}

/** Where the name that begins at `at` ends, compressed or not. */
function skipName(message: Buffer, at: number): number {
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= QUESTION_NAME[0]) return at + 2;
    if (length > MAX_LABEL) throw new FormatError();
    at += 1 + length;
  }
}

function flags(message: Buffer): number {
  return message.readUInt16BE(2);
}

/** The answer to a message whose question cannot be given back: a bare header. */
function refuse(message: Buffer, code: number): Buffer {
  const answer = Buffer.alloc(HEADER);
  message.copy(answer, 0, 0, 2);
  answer.writeUInt16BE(answerFlags(message, code), 2);
  return answer;
}

const answerFlags = (message: Buffer, code: number): number =>
  FLAG.response | (flags(message) & (OPCODE | FLAG.recursionDesired)) | code;

/**
 * An answer with as many of the records as fit into `limit` bytes, marked as truncated if some do
 * not. The question is given back byte by byte, and so in its own letter case.
 */
export function writeAnswer(query: Query, code: number, answers: readonly Answer[], limit: number): Buffer {
  let size = query.questionEnd + (query.edns ? recordSize(ROOT, 0) : 0);
  let count = 0;
  for (const { data } of answers) {
    const grown = size + recordSize(QUESTION_NAME, data.length);
    if (grown > limit) break;
    size = grown;
    count++;
  }
  const answer = Buffer.allocUnsafe(size);
  query.message.copy(answer, 0, 0, query.questionEnd);
  const truncated = count < answers.length ? FLAG.truncated : 0;
  answer.writeUInt16BE(answerFlags(query.message, code) | FLAG.recursionAvailable | truncated, 2);
  for (const [index, records] of [1, count, 0, query.edns ? 1 : 0].entries())
    answer.writeUInt16BE(records, 4 + 2 * index);
  let at = query.questionEnd;
  for (let index = 0; index < count; index++) {
    const { type, data } = answers[index]!;
    at = writeRecord(answer, at, QUESTION_NAME, type, CLASS.IN, TTL, data);
  }
  if (query.edns) writeRecord(answer, at, ROOT, TYPE.OPT, OUR_UDP_SIZE, 0, NOTHING);
  return answer;
}

const ROOT = [0] as const;
const NOTHING = new Uint8Array();

const recordSize = (name: readonly number[], length: number): number => name.length + 10 + length;

/** Says where the record ends. */
function writeRecord(
  target: Buffer,
  start: number,
  name: readonly number[],
  type: number,
  kind: number,
  ttl: number,
  data: Uint8Array,
): number {
  target.set(name, start);
  let at = target.writeUInt16BE(type, start + name.length);
  at = target.writeUInt16BE(kind, at);
  at = target.writeUInt32BE(ttl, at);
  at = target.writeUInt16BE(data.length, at);
  target.set(data, at);
  return at + data.length;
}

/** The bytes of a dotted name. Throws RangeError if it is longer than DNS allows. */
export function nameBytes(name: string): Uint8Array {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  const bytes = Buffer.concat([...labels.flatMap((label) => [Uint8Array.of(label.length), label]), Uint8Array.of(0)]);
  if (bytes.length > MAX_NAME || labels.some((label) => label.length === 0 || label.length > MAX_LABEL)) {
    throw new RangeError(`${name} is not a domain name`);
  }
  return bytes;
}

/** A server's answer, cut to its question and marked as truncated if it is longer than `limit` bytes. */
export function fitAnswer(query: Query, answer: Buffer, limit: number): Buffer {
  if (answer.length <= limit) return answer;
  const cut = writeAnswer(query, responseCode(answer), [], limit);
  cut.writeUInt16BE(flags(cut) | FLAG.truncated, 2);
  return cut;
}

/**
 * Whether a message answers the query that was sent with `id`: same id and same question, but for
 * letter case; a failure may come without the question.
 */
export function isAnswerTo(query: Query, id: number, message: Buffer): boolean {
  if (message.length < HEADER || message.readUInt16BE(0) !== id || !(flags(message) & FLAG.response)) return false;
  if (message.readUInt16BE(4) === 0) return responseCode(message) !== RCODE.noError;
  return lowerCaseQuestion(message, query.questionEnd) === lowerCaseQuestion(query.message, query.questionEnd);
}

function lowerCaseQuestion(message: Buffer, end: number): string {
  return message.toString('latin1', HEADER, end).toLowerCase();
}

export function responseCode(message: Buffer): number {
  return flags(message) & 0xf;
}

/** The same message under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
