import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { newClock, nextHlc } from '../../base/hlc.ts'
import type { FleetId, RoleName } from '../../base/ids.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { createIdentity } from '../../crypto/identity.ts'
import { AuditSink } from '../../node/audit/sink.ts'
import { FolderStorage } from '../../node/audit/storage.ts'
import { canonicalOf, parseAddress } from '../../node/store/address.ts'

const warmUps = 20_000
const entries = 40_000

/**
 * Microseconds of this process for one entry of a put, its address hashed and its write waited for; its checkpoints and
 * syncs are in it.
 *
 * @param atOnce - decisions that come in one tick.
 */
export async function measureLog(dir: string, atOnce: number): Promise<{ userUs: number; cpuUs: number }> {
  mkdirSync(dir, { recursive: true })
  const clock = newClock('0123abcd')
  const { sink } = await AuditSink.open({
    storage: new FolderStorage(join(dir, 'audit')),
    fleet: 'ab'.repeat(32) as FleetId,
    signer: await createIdentity(join(dir, 'identity.key')),
    incarnation: 1,
    now: () => nextHlc(clock, Date.now()),
    policy: 'closed',
    sync: 'second',
    bytesMax: 2 ** 30,
    onCheckpoint: () => undefined,
    report: (event, why) => console.error(event, why),
  })
  const secret = new Uint8Array(32)
  const roles = ['architect', 'developer'].map(name => ({
    name: name as RoleName,
    keyVersion: 1,
    fingerprint: '0123456789abcdef',
  }))
  let count = 0
  const one = () => {
    count += 1
    const address = parseAddress(`ucxl://any:any@bench:any/*^/k${count}`)
    return sink.decided({
      outcome: 'allowed',
      code: null,
      subject: 'token:0123456789abcdef',
      source: '127.0.0.1',
      operation: 'write',
      detail: 'storeContext',
      key: contextKeyOf(secret, canonicalOf(address)),
      roles,
      rule: 'token',
      count: 1,
    })
  }
  const write = async (wanted: number) => {
    for (let done = 0; done < wanted; done += atOnce) await Promise.all(Array.from({ length: atOnce }, one))
  }
  await write(warmUps)
  const before = process.cpuUsage()
  await write(entries)
  const { user, system } = process.cpuUsage(before)
  await sink.stop(2000)
  return { userUs: user / entries, cpuUs: (user + system) / entries }
}
