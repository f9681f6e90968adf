import { isIPv4, isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'

/** An address without its spelling: 4 or 16 bytes. */
export type IpAddress = Uint8Array

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
const textLengthMax = 45
const prefixShape = /^(0|[1-9][0-9]{0,2})$/

/**
 * Reads an address of version 4 or 6. An IPv4 address that is mapped into IPv6 (`::ffff:10.0.0.1`, as sockets that
 * listen on both report it) is the IPv4 address.
 *
 * @returns null for anything else: names, zones (`fe80::1%eth0`), octal or short forms.
 */
export function addressFrom(text: string): IpAddress | null {
  if (text.length > textLengthMax) return null
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return null
  const bytes = ipv6Bytes(text)
  return isMapped(bytes) ? bytes.slice(12) : bytes
}

/**
 * Whether a text is a network in the one spelling that grants carry: the first address of the network, `/`, the
 * length of the prefix; IPv6 as RFC 5952 writes it, IPv4 never mapped.
 */
export function isNetwork(text: string): boolean {
  const network = networkFrom(text)
  if (network === null) return false
  const { start, prefixBits } = network
  return start.every((byte, at) => (byte & ~maskAt(prefixBits, at) & 255) === 0)
}

/** Whether one of the networks, each of which `isNetwork`, holds the address. `::/0` holds no IPv4 address. */
export const networksHold = (networks: readonly string[], address: IpAddress): boolean =>
  networks.some(text => {
    const network = networkFrom(text)
    if (network === null || network.start.length !== address.length) return false
    const { start, prefixBits } = network
    return start.every((byte, at) => ((byte ^ address[at]!) & maskAt(prefixBits, at)) === 0)
  })

/** The first address of a network. @param text - one that `isNetwork`. */
export const networkStart = (text: string): IpAddress => networkFrom(text)!.start

type Network = { readonly start: IpAddress; readonly prefixBits: number }

/** Networks of grants are asked about on every request, and there are few of them. */
const read = new LRUCache<string, Network>({ max: 1024 })

function networkFrom(text: string): Network | null {
  const known = read.get(text)
  if (known !== undefined) return known
  const network = readNetwork(text)
  if (network !== null) read.set(text, network)
  return network
}

function readNetwork(text: string): Network | null {
  const slash = text.indexOf('/')
  const [host, prefix] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)]
  if (!prefixShape.test(prefix)) return null
  const start = addressFrom(host)
  if (start === null || textOf(start) !== host) return null
  const prefixBits = Number(prefix)
  return prefixBits <= start.length * 8 ? { start, prefixBits } : null
}

/** Bits of the mask in the byte at `at`. */
const maskAt = (prefixBits: number, at: number): number =>
  (0xff00 >> Math.min(8, Math.max(0, prefixBits - at * 8))) & 255

const isMapped = (bytes: IpAddress): boolean => mappedPrefix.every((byte, at) => bytes[at] === byte)

/** The URL standard writes an IPv6 address as RFC 5952 does, but for mapped ones, which are none here. */
const textOf = (address: IpAddress): string =>
  address.length === 4 ? address.join('.') : new URL(`http://[${groupsOf(address)}]`).hostname.slice(1, -1)

const groupsOf = (address: IpAddress): string =>
  (Buffer.from(address).toString('hex').match(/.{4}/g) ?? []).join(':')

function ipv6Bytes(text: string): IpAddress {
  // Serialised by the URL standard there is no dotted part left, only groups and at most one `::`.
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [groupsIn(head), groupsIn(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array<number>(zeros).fill(0), ...after]
  return Uint8Array.from(groups.flatMap(group => [group >> 8, group & 255]))
}

const groupsIn = (text: string): number[] =>
  text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
