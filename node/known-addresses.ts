import { readFileSync } from 'node:fs'
import type { PeerId } from '../base/ids.ts'
import { writePrivately } from './peer-settings.ts'

const format = 1
const addressesPerPeerMax = 8
const peersMax = 1024

/** `addresses.json`: where the members were last met, so that a restart needs no bootstrap address. */
export class AddressFile {
  readonly path: string
  #known: Record<PeerId, readonly string[]> = {}
  #writeSoon: NodeJS.Timeout | null = null

  constructor(path: string) {
    this.path = path
    this.#known = read(path)
  }

  known(): Readonly<Record<PeerId, readonly string[]>> {
    return this.#known
  }

  learn(peer: PeerId, multiaddrs: readonly string[]): void {
    if (!(peer in this.#known) && Object.keys(this.#known).length >= peersMax) return
    this.#known = { ...this.#known, [peer]: multiaddrs.slice(0, addressesPerPeerMax) }
    // Many addresses come at once when a fleet starts: one write for all of them.
    this.#writeSoon ??= setTimeout(() => this.flush(), 200).unref()
  }

  flush(): void {
    if (this.#writeSoon) clearTimeout(this.#writeSoon)
    this.#writeSoon = null
    writePrivately(this.path, `${JSON.stringify({ format, peers: this.#known }, null, 2)}\n`)
  }
}

/** Only a memory of where to look first: anything unreadable is forgotten, discovery finds it anew. */
function read(path: string): Record<PeerId, readonly string[]> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  try {
    const value = JSON.parse(text) as { format?: unknown; peers?: unknown }
    if (value.format !== format || typeof value.peers !== 'object' || value.peers === null) return {}
    const entries = Object.entries(value.peers).filter(
      (entry): entry is [PeerId, string[]] =>
        Array.isArray(entry[1]) && entry[1].every(each => typeof each === 'string'),
    )
    return Object.fromEntries(entries.slice(0, peersMax)) as Record<PeerId, readonly string[]>
  } catch {
    return {}
  }
}
