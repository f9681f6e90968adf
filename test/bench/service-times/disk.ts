// Goal: what the disk costs the event loop, and how long a synced batch takes. Method: the real disk, batches as the
// driver makes them: head and version of each value that was accepted.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openLevelDisk } from '../../../node/adapters/level-disk/open-level-disk.ts'
import type { DiskChange } from '../../../node/ports/ports.ts'
import { line, medianUs, threadUs } from './sampled.ts'

const valuesPerBatch = [1, 2, 4, 8, 16, 32]
const batchesOfEach = 200
const headBytes = 150
const entriesPerPage = [8, 32, 128]
const pagesOfEach = 500

export type DiskTimes = {
  /** On the event loop: for one batch, and more for each value in it. */
  readonly loopBatchUs: number
  readonly loopValueUs: number
  /** From submission to durable: for one batch, and more for each byte. */
  readonly syncUs: number
  readonly syncByteUs: number
  /** One look at a record. */
  readonly readUs: number
  /** On the event loop: for one page of a list, and more for each entry of it. */
  readonly loopPageUs: number
  readonly loopEntryUs: number
}

export async function measureDisk(dataBytes: number): Promise<DiskTimes> {
  const dir = await mkdtemp(join(tmpdir(), 'slurp-bench-service-'))
  const { disk, close } = await openLevelDisk({ dir: join(dir, 'data'), expectExisting: false })
  let made = 0
  const keys: Uint8Array[] = []
  const put = (bytes: number): DiskChange => {
    const key = new Uint8Array(33)
    key[0] = 0x68
    new DataView(key.buffer).setUint32(1, Math.imul(++made, 0x9e3779b1))
    keys.push(key)
    return { kind: 'put', key, value: new Uint8Array(randomBytes(bytes)) }
  }
  const loop: [number, number][] = []
  const sync: [number, number][] = []
  for (const values of valuesPerBatch) {
    const took: number[] = []
    const used: number[] = []
    for (let i = 0; i < batchesOfEach; i++) {
      const batch = Array.from({ length: values }, () => [put(headBytes), put(dataBytes)]).flat()
      const startMs = performance.now()
      const startUs = threadUs()
      await new Promise<void>((resolve, reject) =>
        disk.write(batch, failure => (failure === null ? resolve() : reject(failure))),
      )
      took.push((performance.now() - startMs) * 1_000)
      used.push(threadUs() - startUs)
    }
    loop.push([values, used.reduce((sum, us) => sum + us, 0) / used.length])
    sync.push([values * (headBytes + dataBytes), medianUs(took)])
  }
  const reads: number[] = []
  for (let i = 0; i < 3_000; i++) {
    const key = keys[(i * 7919) % keys.length]!
    const startMs = performance.now()
    disk.read(key)
    reads.push((performance.now() - startMs) * 1_000)
  }
  const pages: [number, number][] = []
  const [from, to] = [Uint8Array.of(0x68), Uint8Array.of(0x69)]
  for (const entries of entriesPerPage) {
    const startUs = threadUs()
    for (let i = 0; i < pagesOfEach; i++) {
      await new Promise<void>((resolve, reject) =>
        disk.scan(from, to, entries, failure => (failure === null ? resolve() : reject(failure))),
      )
    }
    pages.push([entries, (threadUs() - startUs) / pagesOfEach])
  }
  await close()
  await rm(dir, { recursive: true })
  const ofLoop = line(loop)
  const ofSync = line(sync)
  const ofPage = line(pages)
  return {
    loopBatchUs: ofLoop.fixed,
    loopValueUs: ofLoop.slope,
    syncUs: ofSync.fixed,
    syncByteUs: ofSync.slope,
    readUs: medianUs(reads),
    loopPageUs: ofPage.fixed,
    loopEntryUs: ofPage.slope,
  }
}
