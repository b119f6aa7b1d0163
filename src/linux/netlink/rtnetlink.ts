/** Numbers of linux/rtnetlink.h and linux/if_link.h that several files need. */
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTA_OIF = 4;
export const IFLA_IFNAME = 3;
/** Bytes of what a message of netfilter begins with: family, version, resource. */
export const NFGENMSG = 4;
