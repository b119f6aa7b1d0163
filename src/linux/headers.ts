/** Numbers of the C headers that several files need; what one alone needs stands there. */
export const AF_UNSPEC = 0;
export const AF_BRIDGE = 7;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SOL_IPV6 = 41;
export const SO_RCVBUFFORCE = 33;
export const MSG_DONTWAIT = 0x40;
export const ETH_P_IP = 0x0800;
export const ETH_P_IPV6 = 0x86dd;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;
/** Bytes that the name of a link takes at most, with its ending zero. */
export const LINK_NAME = 16;
export const O_CLOEXEC = 0o2000000;
export const MS_BIND = 0x1000;
export const MNT_DETACH = 0x2;
