import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newClock, nextHlc } from '../../../base/hlc.ts'
import type { RoleName } from '../../../base/ids.ts'
import type { Checkpoint } from '../../../crypto/audit/checkpoint.ts'
import type { AuditDecision } from '../../../crypto/audit/entry.ts'
import type { Identity } from '../../../crypto/identity.ts'
import { AuditSink, type SinkOptions } from '../../../node/audit/sink.ts'
import { FolderStorage, type SegmentFile } from '../../../node/audit/storage.ts'
import { fleet, newIdentity } from '../../crypto/audit/logs.ts'

export function newDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-sink-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export const allowed: AuditDecision = {
  outcome: 'allowed',
  code: null,
  subject: 'token:0123456789abcdef',
  source: '127.0.0.1',
  operation: 'write',
  detail: 'storeContext',
  key: null,
  roles: [{ name: 'architect' as RoleName, keyVersion: 1, fingerprint: '0123456789abcdef' }],
  rule: 'token',
  count: 1,
}

/** Waits for a state, never for a time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`)
    await sleep(5)
  }
}

export type Opened = {
  sink: AuditSink
  identity: Identity
  checkpoints: Checkpoint[]
  told: string[]
  tornBytes: number
  brokenAt: number
}

/** A sink on a folder, stopped when the test ends; its ticks are short, and no slow machine is taken for a disk that hangs. */
export async function openSink(
  t: TestContext,
  dir: string,
  more: Partial<SinkOptions> & { identity?: Identity } = {},
): Promise<Opened> {
  const identity = more.identity ?? (await newIdentity())
  const checkpoints: Checkpoint[] = []
  const told: string[] = []
  const clock = newClock('0123abcd')
  const { sink, end } = await AuditSink.open({
    storage: new FolderStorage(dir),
    fleet,
    signer: identity,
    incarnation: 1,
    now: () => nextHlc(clock, Date.now()),
    policy: 'closed',
    sync: 'second',
    bytesMax: 64 * 1024 * 1024,
    tickMs: 20,
    stallMs: 20_000,
    onCheckpoint: checkpoint => checkpoints.push(checkpoint),
    report: (event, why) => told.push(`${event}: ${why}`),
    ...more,
  })
  t.after(() => sink.stop(1000))
  return { sink, identity, checkpoints, told, tornBytes: end.tornBytes, brokenAt: end.brokenAt }
}

/** A folder whose disk can be made full, or to hang, as a real one does: a write stops in the middle. */
export class FaultyStorage extends FolderStorage {
  /** Bytes that still fit. */
  free = Number.POSITIVE_INFINITY
  /** Writes and syncs wait for it. */
  hang: Promise<void> = Promise.resolve()
  syncFails = false

  override async create(name: string): Promise<SegmentFile> {
    if (this.free <= 0) throw full()
    return this.#faulty(await super.create(name))
  }

  override async open(name: string): Promise<SegmentFile> {
    return this.#faulty(await super.open(name))
  }

  #faulty(file: SegmentFile): SegmentFile {
    return {
      write: async (bytes, at) => {
        await this.hang
        const fits = Math.min(bytes.length, this.free)
        this.free -= fits
        await file.write(bytes.subarray(0, fits), at)
        if (fits < bytes.length) throw full()
      },
      sync: async () => {
        await this.hang
        if (this.syncFails) throw Object.assign(new Error('sync'), { code: 'EIO' })
        await file.sync()
      },
      cut: bytes => file.cut(bytes),
      close: () => file.close(),
    }
  }
}

const full = () => Object.assign(new Error('no space'), { code: 'ENOSPC' })
