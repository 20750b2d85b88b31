import { lookup as systemLookup } from "node:dns/promises";
import { type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

export interface AddressPolicy {
  readonly allowPrivate: boolean;
  readonly allowHttp: boolean;
}

/** Why a URL is not called; a stable code that stands in the log of deliveries. */
export type Refusal = "malformed-url" | "insecure-url" | "address-not-allowed";

export class AddressNotAllowed extends Error {
  readonly code = "address-not-allowed";
}

const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Public unicast alone: everything with a special meaning (loopback, private, link-local with the clouds' metadata,
 * multicast, carrier NAT, documentation, tunnels that carry an IPv4 address inside) is refused by not being on the list.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast);
}

/** The URL parser has written every spelling of an IPv4 address (octal, hex, one number) as four numbers already. */
const literalOf = (url: URL): string | undefined => {
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return ipaddr.isValid(host) ? host : undefined;
};

/** What can be said without asking DNS; the same check stands before each call, as settings may have changed. */
export function refuseUrl(text: string, policy: AddressPolicy): Refusal | null {
  if (text.length > 2048 || !URL.canParse(text)) return "malformed-url";
  const url = new URL(text);
  if (!["http:", "https:"].includes(url.protocol) || url.username !== "" || url.password !== "")
    return "malformed-url";
  if (url.protocol === "http:" && !policy.allowHttp) return "insecure-url";
  const literal = literalOf(url);
  if (!policy.allowPrivate && literal !== undefined && !isPublicAddress(literal))
    return "address-not-allowed";
  return null;
}

export type Resolve = (
  hostname: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export const resolveHost: Resolve = (hostname) => systemLookup(hostname, { all: true });

/**
 * Resolves and checks in one step: the connection is made to an address that was checked, so a name that answers
 * differently a moment later gains nothing. One forbidden address refuses the name.
 */
export const createGuardedLookup =
  (policy: AddressPolicy, resolve: Resolve): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) {
          callback(Object.assign(new Error("no address"), { code: "ENOTFOUND" }), "");
        } else if (!policy.allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
          callback(new AddressNotAllowed("the name leads to an address that is not public"), "");
        } else if (options.all === true) {
          callback(null, [...addresses]);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error("resolution failed"), "");
      },
    );
  };
