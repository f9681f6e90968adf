import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { openLevelDisk } from '../../node/adapters/level-disk/open-level-disk.ts'
import type { DiskChange } from '../../node/ports/ports.ts'

/**
 * Synced batches a second on Level, with the markers and the watermark that find silent loss and without them.
 * Both take turns within a round, so that the machine's moods meet both. Given are the best round, which other
 * load on the machine disturbs least, and the median.
 * Run: node test/bench/disk.ts
 */
const rounds = 15
const recordsPerTurn = 384
const valueBytes = 4096
const batchSizes = [1, 16, 64]

type Subject = {
  readonly name: string
  write(batch: readonly DiskChange[]): Promise<void>
  close(): Promise<void>
}

async function ours(dir: string): Promise<Subject> {
  const opened = await openLevelDisk({ dir: join(dir, 'ours'), expectExisting: false })
  return {
    name: 'markers and watermark',
    write: batch =>
      new Promise((resolve, reject) => {
        opened.disk.write(batch, failure => (failure === null ? resolve() : reject(failure)))
      }),
    close: opened.close,
  }
}

async function bare(dir: string): Promise<Subject> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(dir, 'bare'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await level.open({ compression: false, writeBufferSize: 32 * 1024 * 1024 })
  return {
    name: 'Level alone',
    write: batch =>
      level.batch(
        batch.map(change =>
          change.kind === 'put'
            ? ({ type: 'put', key: change.key, value: change.value } as const)
            : ({ type: 'del', key: change.key } as const),
        ),
        { sync: true },
      ),
    close: () => level.close(),
  }
}

let records = 0
function newRecord(): DiskChange {
  const key = new Uint8Array(33)
  key[0] = 0x68
  // Scattered over the key space, as hashes are.
  new DataView(key.buffer).setUint32(1, Math.imul(++records, 0x9e3779b1))
  const value = new Uint8Array(valueBytes)
  crypto.getRandomValues(value)
  return { kind: 'put', key, value }
}

async function millisecondsOf(subject: Subject, batchSize: number): Promise<number> {
  const batches = Array.from({ length: Math.ceil(recordsPerTurn / batchSize) }, () =>
    Array.from({ length: batchSize }, newRecord),
  )
  const startMs = performance.now()
  for (const batch of batches) await subject.write(batch)
  return (performance.now() - startMs) / batches.length
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const dir = await mkdtemp(join(tmpdir(), 'slurp-bench-disk-'))
const subjects = [await bare(dir), await ours(dir)]
console.log(
  '| records a batch | subject | best ms a batch | median ms | batches/s, best | records/s, best | cost, best | cost, median |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const batchSize of batchSizes) {
  const taken = new Map(subjects.map(subject => [subject, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? subjects : [...subjects].reverse()
    for (const subject of order) taken.get(subject)!.push(await millisecondsOf(subject, batchSize))
  }
  const alone = taken.get(subjects[0]!)!
  const cost = (ms: number, baseMs: number): string => `${((ms / baseMs - 1) * 100).toFixed(0)} %`
  for (const [{ name }, times] of taken) {
    const best = Math.min(...times)
    const cells = [
      batchSize,
      name,
      best.toFixed(3),
      median(times).toFixed(3),
      (1000 / best).toFixed(0),
      ((1000 / best) * batchSize).toFixed(0),
      cost(best, Math.min(...alone)),
      cost(median(times), median(alone)),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}
for (const subject of subjects) await subject.close()
await rm(dir, { recursive: true })
