import type { ContextKey } from '../../../base/ids.ts'
import { controlKey } from '../../../base/ids.ts'
import { controlBody, signControl } from '../../../crypto/envelope.ts'
import { localHistories } from '../../../node/local-histories.ts'
import { sharedRegister } from '../../../node/shared-register.ts'
import type { StoreParts } from '../../../node/store/context-store.ts'
import { RetentionDesk } from '../../../node/store/retention/retention-desk.ts'
import { roleRecipients } from '../identities.ts'
import { keysFor, storeOn } from '../stores.ts'
import { openWorldBench, type WorldBench } from '../world-bench.ts'

export const registerKey = controlKey(3)

/** A fleet of drivers whose processes have retention desks, as `node/process.ts` makes them. */
export async function openRetentionBench(peers: number) {
  const bench = await openWorldBench(peers)
  const { clock } = bench.processes[0]!
  return {
    bench,
    deskAt: (at: number, keys = keysFor(['admin', 'developer'])) => deskOn(bench, at, keys),
    storeAt: (at: number) => storeOn(bench, bench.processes[at]!),
    localAt: (at: number) => localOf(bench, at),
    /** Which processes own a key. */
    ownersOf: (key: ContextKey): number[] =>
      bench.processes.flatMap(({ author }, at) => {
        const partition = Math.floor(Number.parseInt(key.slice(0, 8), 16) / 2 ** 28)
        return bench.view.partitions[partition]!.owners.includes(author.peerId) ? [at] : []
      }),
    pass: (ms: number): Promise<void> =>
      new Promise(resolve => void clock.at(clock.monotonicMs() + ms, () => resolve())),
  }
}

const localOf = ({ disks, processes, view }: WorldBench, at: number) =>
  localHistories(disks[at]!, processes[at]!.author.peerId, () => view)

function deskOn(bench: WorldBench, at: number, keys: StoreParts['keys']): RetentionDesk {
  const process = bench.processes[at]!
  const { author, clock, hlc, submitter } = process
  const register = sharedRegister(
    {
      hlc,
      clock: {
        ...clock,
        wallMs: () => clock.wallMs(),
        monotonicMs: () => clock.monotonicMs(),
        at: (atMs, wake) => clock.at(atMs, wake),
        soon: run => setImmediate(run),
      },
      sealer: {
        seal: (facts, body) => signControl({ ...facts, fleet: bench.fleet, author, expiresAtMs: 0 }, body),
        open: controlBody,
      },
      submit: (operation, timeoutMs, done) => void submitter.submit(operation, timeoutMs).then(done),
    },
    registerKey,
  )
  const store: StoreParts = { ...process, fleet: { id: bench.fleet, roles: roleRecipients }, keys }
  return new RetentionDesk({ store, register, local: localOf(bench, at) })
}
