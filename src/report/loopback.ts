import { BlockList, isIP } from 'node:net';

/** What stays on this machine, in every form of writing it: 127.0.0.0/8, also as `::ffff:127.0.0.1`, and `::1`. */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether a server that listens on this address is reached from this machine alone. @param address numeric */
export function isLoopbackAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Whether a request's Host header names this machine as such, so that no site on the internet reads along by letting
 * its own name point here.
 */
export function namesLoopback(host: string | undefined): boolean {
  if (!host || !URL.canParse(`http://${host}`)) return false;
  const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, ''); // 127.1 is 127.0.0.1 by now
  return name === 'localhost' || isLoopbackAddress(name);
}
