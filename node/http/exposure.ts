import { BlockList, isIP } from 'node:net'
import { SlurpError } from '../../base/errors.ts'

/** PEM of a certificate with its chain, and of its key. */
export type TlsFiles = { readonly cert: Buffer; readonly key: Buffer }

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only this machine can call there. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Bearer tokens go over the wire of the door: in the clear they stay on this machine, unless somebody says otherwise.
 *
 * @throws SlurpError CONFIG_INVALID.
 */
export function checkExposure(
  host: string,
  options: { readonly tls: TlsFiles | null; readonly httpPlain: 'loopback' | 'anywhere' },
): void {
  if (options.tls !== null || options.httpPlain === 'anywhere' || isLoopback(host)) return
  throw new SlurpError('CONFIG_INVALID', `The HTTP door is not opened on ${host} without TLS.`, {
    hint: 'Name a certificate with --http-tls-cert and --http-tls-key; --http-plain anywhere is for a proxy in front that speaks TLS.',
  })
}
