import ipaddr from "ipaddr.js";

/** What counts as one address: of IPv6 the first 64 bits, since everybody who has one address there has all behind them. */
export const addressKey = (address: string): string => {
  if (!address.includes(":") || !ipaddr.IPv6.isValid(address)) return address;
  const network = ipaddr.IPv6.parse(address).parts.slice(0, 4);
  return `${network.map((part) => part.toString(16)).join(":")}::/64`;
};
