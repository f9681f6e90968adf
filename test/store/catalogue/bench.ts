import { localHistories } from '../../../node/local-histories.ts'
import { CatalogueDesk } from '../../../node/store/catalogue/catalogue-desk.ts'
import { LocalEntries } from '../../../node/store/catalogue/local-entries.ts'
import { StoreDesk } from '../../../node/store/store-desk.ts'
import { roleRecipients } from '../identities.ts'
import { ListedChanges } from '../listed-changes.ts'
import { keysFor, storeOn } from '../stores.ts'
import { openWorldBench } from '../world-bench.ts'

/** A fleet of drivers on virtual disks, with catalogues as `node/process.ts` makes them. */
export async function openCatalogueBench(peers: number) {
  const bench = await openWorldBench(peers)
  const { clock } = bench.processes[0]!
  const listed = bench.disks.map(disk => ListedChanges.of(disk))
  return {
    bench,
    /** What each disk says that was touched. */
    listed,
    storeAt: (at: number) => storeOn(bench, bench.processes[at]!),
    /** A catalogue of its own, with nothing in it yet. */
    catalogueAt(at: number, keys = keysFor(['admin', 'developer']), bytesMax?: number): CatalogueDesk {
      const process = bench.processes[at]!
      const parts = { ...process, fleet: { id: bench.fleet, roles: roleRecipients }, keys }
      const desk = new StoreDesk(parts)
      const local = localHistories(bench.disks[at]!, process.author.peerId, () => bench.view)
      const changes = listed[at]!
      const entries = new LocalEntries({ desk, local, changes, ...(bytesMax && { bytesMax }) })
      const store = storeOn(bench, process, { keys })
      const checkReader = (role: string | undefined) => desk.access.checkReader(role)
      return new CatalogueDesk({ entries, store, clock: process.clock, checkReader })
    },
    pass: (ms: number): Promise<void> =>
      new Promise(resolve => void clock.at(clock.monotonicMs() + ms, () => resolve())),
  }
}
