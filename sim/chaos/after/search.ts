import { Agent } from 'node:http'
import type { Door } from '../fleet/fleet.ts'
import type { Call, ChainEntry } from '../history/call.ts'
import { type Searched, searchEverywhere, searchOver } from './canaries.ts'
import { type Persistence, readChains } from './read-back.ts'

/**
 * Searches everywhere. A write of unknown outcome may be carried out at any time: where the history of an address that
 * was found wrong is another one by now, it is looked for once more.
 */
export async function searchWhatStands(asked: {
  readonly doors: readonly Door[]
  readonly addresses: ReadonlySet<string>
  /** Brought up to date. */
  readonly chains: Map<string, ChainEntry[]>
  readonly calls: readonly Call[]
  readonly persistence: Persistence
  /** For the indexes to have what the disks have. */
  readonly withinMs: number
}): Promise<Searched> {
  const { doors, chains, calls, persistence, withinMs } = asked
  const agent = new Agent({ keepAlive: true })
  const look = (addresses: ReadonlySet<string>) =>
    searchEverywhere({ doors, addresses, chains, calls }, withinMs, searchOver(agent))
  try {
    const found = await look(asked.addresses)
    let violations = found.violations
    for (;;) {
      const suspects = new Set(
        violations.map(({ address }) => address).filter(address => chains.has(address)),
      )
      const surfaced = new Set<string>()
      for (const [address, entries] of await readChains(doors, suspects, persistence)) {
        if (entries[0]?.version !== chains.get(address)?.[0]?.version) surfaced.add(address)
        chains.set(address, entries)
      }
      if (surfaced.size === 0) return { ...found, violations }
      const again = await look(surfaced)
      violations = [...violations.filter(({ address }) => !surfaced.has(address)), ...again.violations]
    }
  } finally {
    agent.destroy()
  }
}
