/** Netlink messages: the header and the kernel's answers. */
import { concat, pack, readI32, readCString, readU16, readU32 } from '../bytes.ts';
import { describeErrno } from '../ffi.ts';
import { decodeAttributes } from './attribute.ts';

const HEADER = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;

/** What the kernel refused: the error's name (`EEXIST`), its text, and the kernel's explanation if it gave one. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code: string;

  constructor(errno: number, explanation = '') {
    const { code, text } = describeErrno(errno);
    super(explanation === '' ? text : `${text}: ${explanation}`);
    this.code = code;
  }
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** All after the header. */
  readonly payload: Uint8Array;
}

export function encodeMessage(message: Message): Uint8Array {
  const { type, flags, sequence, payload } = message;
  const length = HEADER + payload.length;
  return concat([pack([length, 'u32'], [type, 'u16'], [flags, 'u16'], [sequence, 'u32'], [0, 'u32']), payload]);
}

/** The messages of one datagram. */
export function decodeMessages(datagram: Uint8Array): readonly Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at + HEADER <= datagram.length) {
    const length = readU32(datagram, at);
    if (length < HEADER || at + length > datagram.length) break;
    messages.push({
      type: readU16(datagram, at + 4),
      flags: readU16(datagram, at + 6),
      sequence: readU32(datagram, at + 8),
      payload: datagram.subarray(at + HEADER, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Whether the message ends an answer; throws NetlinkError if it ends it with an error. */
export function endsAnswer(message: Message): boolean {
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) return false;
  const refusal = refusalIn(message);
  if (refusal) throw refusal;
  return true;
}

/** The error that an answer ends with, if it does. */
export function refusalIn(message: Message): NetlinkError | undefined {
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) return undefined;
  // Both begin with a negative errno; an error goes on with the request's header, or with all of it.
  const errno = message.payload.length < 4 ? 0 : -readI32(message.payload, 0);
  if (errno === 0) return undefined;
  let explanation = '';
  if (message.flags & NLM_F_ACK_TLVS) {
    let at = 4;
    if (message.type === NLMSG_ERROR) at += message.flags & NLM_F_CAPPED ? HEADER : readU32(message.payload, 4);
    const text = decodeAttributes(message.payload.subarray(at)).get(NLMSGERR_ATTR_MSG);
    if (text) explanation = readCString(text);
  }
  return new NetlinkError(errno, explanation);
}
