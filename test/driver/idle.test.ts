// Goal: a peer with nothing to do does nothing. Method: the production driver on a clock that counts what is asked
// of it; after a write has come to its end no tick and no timer may be wanted any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newClock, nextHlc } from '../../base/hlc.ts'
import type { Digest, FleetId, PeerId } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { initialView } from '../../dht/view.ts'
import { Driver } from '../../node/driver/driver.ts'
import type { Clock, Disk } from '../../node/ports/ports.ts'
import { defaultLimits } from '../../replication/limits.ts'
import type { Outcome } from '../../replication/messages.ts'
import { key } from '../replication/memory-records.ts'

class CountedClock implements Clock {
  soonQueue: (() => void)[] = []
  wallMs = () => 1_800_000_000_000
  monotonicMs = () => 0
  at = () => () => undefined
  soon(run: () => void): void {
    this.soonQueue.push(run)
  }

  /** Runs ticks until none is wanted; the number it took. */
  drain(): number {
    let ticks = 0
    for (let next = this.soonQueue.shift(); next; next = this.soonQueue.shift()) {
      next()
      ticks += 1
      assert.ok(ticks < 1000, 'the driver asks for ticks without end')
    }
    return ticks
  }
}

test('the driver asks for no tick once nothing is left to do', () => {
  const clock = new CountedClock()
  const self = 'peer' as PeerId
  const member = { id: self, name: 'p1', weight: 1, zone: 'z' }
  const hash = (text: string) => sha256Hex(text) as string as typeof key
  const view = initialView({
    fleet: 'f'.repeat(64) as FleetId,
    members: [member],
    replicas: 1,
    partitionCount: 4,
    hash,
  })
  const stored = new Map<string, Uint8Array>()
  const disk: Disk = {
    write(batch, done) {
      for (const change of batch) {
        const text = Buffer.from(change.key).toString('hex')
        if (change.kind === 'put') stored.set(text, change.value)
        else stored.delete(text)
      }
      clock.soon(() => done(null))
    },
    read: at => stored.get(Buffer.from(at).toString('hex')) ?? null,
    scan: (_from, _to, _limit, done) => clock.soon(() => done(null, [])),
  }
  const hlc = newClock('aaaaaaaa')
  const network = { listen: () => undefined, send: () => false }
  const driver = new Driver({
    self,
    view,
    hlc,
    incarnation: 1,
    disk,
    recordsLost: false,
    network,
    clock,
    checker: { accepts: () => true },
    limits: defaultLimits,
    random: seeded(1),
    report: () => undefined,
    failed: failure => assert.fail(failure),
  })
  driver.start(failure => assert.equal(failure, null))
  clock.drain()
  const outcomes: Outcome[] = []
  const data = Uint8Array.of(1)
  const value = { kind: 'live', hash: sha256Hex(data) as Digest, expiresAtMs: 0, data } as const
  const id = nextHlc(hlc, clock.wallMs())
  const write = {
    kind: 'write',
    id,
    attempt: 1,
    key,
    expect: 'any',
    parent: null,
    value,
    epoch: null,
  } as const
  driver.submit(write, 1000, outcome => outcomes.push(outcome))
  assert.ok(clock.drain() < 20)
  assert.equal(outcomes[0]?.kind, 'written')
  assert.equal(clock.soonQueue.length, 0)
})
