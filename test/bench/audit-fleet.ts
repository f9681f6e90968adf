// The fleet that test/bench/audit.ts measures: three peers in this one process, and two doors to the first of them that
// differ in one thing. Tells its processor time when it is asked.
import { join } from 'node:path'
import type { RoleName } from '../../base/ids.ts'
import { createFleet } from '../../crypto/fleet-creation.ts'
import type { Audit } from '../../node/audit/peer-audit.ts'
import { readSettings } from '../../node/config.ts'
import { openDoor } from '../../node/http/server.ts'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import { writePeerFile } from '../../node/peer-settings.ts'
import { startPeer } from '../../node/process.ts'
import type { Log, RunningPeer } from '../../node/running-peer.ts'

export type Ready = { readonly token: string; readonly doors: { readonly on: string; readonly off: string } }
export type Used = { readonly userUs: number; readonly systemUs: number }

const dir = process.argv[2]!
const token = 'a-token-of-a-bench-that-is-long-enough'
const nothing = () => undefined
const log: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const names = ['p1', 'p2', 'p3']
const roles = ['architect', 'developer']

await createFleet({ dir, memberNames: names, roles, replicas: 3, rolesOf: () => roles as RoleName[] })
const peers: RunningPeer[] = []
for (const name of names) {
  writePeerFile(join(dir, name), { name, settings: {} })
  const audit = { policy: 'closed', sync: 'second', bytesMax: 2 ** 30 } as const
  const bootstrap = peers.flatMap(peer => peer.addresses())
  peers.push(await startPeer({ dir: join(dir, name), bootstrap, version: '0.0.0', log, audit }))
}
const [first] = peers as [RunningPeer]
while (first.checks().some(check => !check.ok)) await new Promise(wait => setTimeout(wait, 50))

/** Records nothing, and costs nothing. */
const none: Audit = {
  check: nothing,
  decided: () => Promise.resolve(),
  refused: nothing,
  keyOf: () => null,
  rolesOf: () => [],
  page: (...given) => first.audit.page(...given),
  records: after => first.audit.records(after),
  verify: () => first.audit.verify(),
}
const open = async (peer: RunningPeer) => {
  const metrics = (requestsInFlight: () => number) =>
    createMetrics({
      indexLag: () => ({ changes: 0, seconds: 0 }),
      counters: peer.counters,
      clocks: () => [],
      ready: () => true,
      requestsInFlight,
      startedAtMs: 0,
    })
  const limits = readSettings([])
  return openDoor({
    peer,
    host: '127.0.0.1',
    preferredPort: 0,
    token,
    tls: null,
    httpPlain: 'loopback',
    limits,
    metrics,
    log,
    version: '0.0.0',
  })
}
const on = await open(first)
const off = await open({ ...first, audit: none })

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ userUs: user, systemUs: system } satisfies Used)
})
process.on('disconnect', () => process.exit(0))
process.send?.({ token, doors: { on: on.url, off: off.url } } satisfies Ready)
