import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { InvariantBroken } from '../../base/assert.ts'
import type { DiskStats } from '../../node/ports/opened-disk.ts'
import { type Disk, type DiskChange, type DiskEntry, DiskFailure } from '../../node/ports/ports.ts'

/** One disk under test, open. */
export type DiskUnderTest = {
  readonly disk: Disk
  stats(): DiskStats
  /** Closes it. */
  close(): Promise<void>
  /** Closes it if need be and opens what is durable again. */
  reopen(): Promise<DiskUnderTest>
  /** Closes it and removes everything. */
  remove(): Promise<void>
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const put = (key: string, value: string): DiskChange => ({
  kind: 'put',
  key: bytes(key),
  value: bytes(value),
})
const gone = (key: string): DiskChange => ({ kind: 'delete', key: bytes(key) })
const plain = (found: Uint8Array | null): string | null =>
  found === null ? null : Buffer.from(found).toString('latin1')
const pairs = (entries: readonly DiskEntry[]) => entries.map(({ key, value }) => [plain(key), plain(value)])

export const written = (disk: Disk, ...batch: readonly DiskChange[]): Promise<DiskFailure | null> =>
  new Promise(resolve => disk.write(batch, resolve))

export const scanned = (disk: Disk, from: string, to: string, limit: number): Promise<readonly DiskEntry[]> =>
  new Promise((resolve, reject) => {
    disk.scan(bytes(from), bytes(to), limit, (failure, entries) =>
      failure === null ? resolve(entries) : reject(failure),
    )
  })

/**
 * What every Disk promises (node/ports/ports.ts).
 * Goal: the real disk and the simulator's fake cannot be told apart by a driver. Method: the same cases on both.
 */
export function diskContract(name: string, make: () => Promise<DiskUnderTest>): void {
  const onDisk = (title: string, body: (it: DiskUnderTest) => Promise<DiskUnderTest | undefined>) =>
    test(title, async () => {
      const it = await make()
      await ((await body(it)) ?? it).remove()
    })

  describe(`${name} keeps the contract of a disk`, () => {
    onDisk('a batch is read after it is done, and what was never written is null', async ({ disk }) => {
      assert.equal(await written(disk, put('a', '1'), put('b', '')), null)
      assert.equal(plain(disk.read(bytes('a'))), '1')
      assert.equal(plain(disk.read(bytes('b'))), '')
      assert.equal(disk.read(bytes('c')), null)
      return undefined
    })

    onDisk('a later change of a key wins, within a batch and between batches; a delete removes', async it => {
      const { disk } = it
      await written(disk, put('a', '1'), put('a', '2'), put('b', '1'), gone('b'), gone('c'), put('c', '1'))
      assert.deepEqual(pairs(await scanned(disk, 'a', 'z', 10)), [
        ['a', '2'],
        ['c', '1'],
      ])
      await written(disk, gone('a'), gone('never there'))
      assert.equal(disk.read(bytes('a')), null)
      return undefined
    })

    onDisk(
      'done comes once for each batch, in the order of submission, never before write returns',
      async it => {
        const order: number[] = []
        let writing = false
        const all = Array.from(
          { length: 50 },
          (_, index) =>
            new Promise<void>(resolve => {
              writing = true
              it.disk.write([put('k', String(index))], failure => {
                assert.equal(failure, null)
                assert.equal(writing, false)
                order.push(index)
                resolve()
              })
              writing = false
            }),
        )
        await Promise.all(all)
        await written(it.disk)
        assert.deepEqual(
          order,
          Array.from({ length: 50 }, (_, index) => index),
        )
        assert.equal(plain(it.disk.read(bytes('k'))), '49')
        return undefined
      },
    )

    onDisk('a scan is ordered by unsigned bytes, keeps its bounds and its limit', async ({ disk }) => {
      const keys = ['\x01', 'a', 'a\x00', 'ab', 'a\xff', 'b', '\x80', '\xff', '\xff\xff']
      await written(disk, ...[...keys].reverse().map(key => put(key, key)))
      const order = async (from: string, to: string, limit = 100) =>
        (await scanned(disk, from, to, limit)).map(({ key }) => plain(key))
      assert.deepEqual(await order('\x01', '\xff\xff\xff'), keys)
      assert.deepEqual(await order('a', 'b'), ['a', 'a\x00', 'ab', 'a\xff'])
      assert.deepEqual(await order('a', 'b', 2), ['a', 'a\x00'])
      assert.deepEqual(await order('a', 'a'), [])
      assert.deepEqual(await order('b', 'a'), [])
      assert.deepEqual(await order('a', 'b', 0), [])
      return undefined
    })

    onDisk('a scan calls back once, after it returned, and shows the moment it began', async ({ disk }) => {
      await written(disk, put('a', '1'))
      let scanning = true
      const found = new Promise<readonly DiskEntry[]>(resolve => {
        disk.scan(bytes('a'), bytes('z'), 10, (failure, entries) => {
          assert.equal(failure, null)
          assert.equal(scanning, false)
          resolve(entries)
        })
      })
      scanning = false
      assert.deepEqual(pairs(await found), [['a', '1']])
      return undefined
    })

    onDisk('what was done survives closing and opening, deletes too', async it => {
      await written(it.disk, put('a', '1'), put('b', '2'), put('c', '3'))
      await written(it.disk, gone('b'))
      const again = await it.reopen()
      assert.deepEqual(pairs(await scanned(again.disk, 'a', 'z', 10)), [
        ['a', '1'],
        ['c', '3'],
      ])
      await written(again.disk, put('d', '4'))
      const third = await again.reopen()
      assert.equal(plain(third.disk.read(bytes('d'))), '4')
      return third
    })

    onDisk('closing waits for what was submitted; then everything fails and nothing throws', async it => {
      const { disk } = it
      const last = Promise.all(['1', '2', '3'].map(value => written(disk, put('a', value))))
      await it.close()
      assert.deepEqual(await last, [null, null, null])
      assert.ok((await written(disk, put('a', '4'))) instanceof DiskFailure)
      await assert.rejects(scanned(disk, 'a', 'z', 1), DiskFailure)
      assert.throws(() => disk.read(bytes('a')), DiskFailure)
      const again = await it.reopen()
      assert.equal(plain(again.disk.read(bytes('a'))), '3')
      return again
    })

    onDisk('keys that start with byte 0, and empty ones, are a bug of the caller', async ({ disk }) => {
      const done = () => assert.fail('nothing was submitted')
      assert.throws(() => disk.write([put('\x00a', '1')], done), InvariantBroken)
      assert.throws(() => disk.write([put('', '1')], done), InvariantBroken)
      assert.throws(() => disk.scan(bytes('\x00'), bytes('z'), 1, done), InvariantBroken)
      return undefined
    })

    onDisk('bytes that were read belong to the reader', async ({ disk }) => {
      await written(disk, put('a', 'value'))
      disk.read(bytes('a'))!.fill(0)
      for (const { value } of await scanned(disk, 'a', 'b', 1)) value.fill(0)
      assert.equal(plain(disk.read(bytes('a'))), 'value')
      return undefined
    })

    onDisk('it counts', async it => {
      await written(it.disk, put('ab', 'cde'), gone('f'))
      const { batches, changes, writtenBytes, queuedBatches, failure } = it.stats()
      assert.deepEqual(
        { batches, changes, writtenBytes, queuedBatches, failure },
        { batches: 1, changes: 2, writtenBytes: 6, queuedBatches: 0, failure: null },
      )
      const { sequence } = it.stats()
      const again = await it.reopen()
      assert.equal(again.stats().sequence, sequence)
      return again
    })

    test('it agrees with a map under random batches, scans and openings', async () => {
      const key = fc.string({ unit: fc.constantFrom('a', 'b', '\xff'), minLength: 1, maxLength: 3 })
      const change = fc.oneof(
        fc.tuple(key, fc.string({ unit: 'binary-ascii', maxLength: 5 })).map(([k, v]) => put(k, v)),
        key.map(gone),
      )
      const step = fc.oneof(
        { weight: 10, arbitrary: fc.array(change, { maxLength: 6 }) },
        { weight: 3, arbitrary: fc.tuple(key, key, fc.nat(5)) },
        { weight: 1, arbitrary: fc.constant('reopen' as const) },
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
          let it = await make()
          const model = new Map<string, string>()
          for (const one of steps) {
            if (one === 'reopen') {
              it = await it.reopen()
            } else if (isRange(one)) {
              const expected = [...model]
                .filter(([k]) => k >= one[0] && k < one[1])
                .sort(([a], [b]) => (a < b ? -1 : 1))
              assert.deepEqual(pairs(await scanned(it.disk, ...one)), expected.slice(0, one[2]))
            } else {
              assert.equal(await written(it.disk, ...one), null)
              for (const each of one) {
                if (each.kind === 'put') model.set(plain(each.key)!, plain(each.value)!)
                else model.delete(plain(each.key)!)
              }
            }
          }
          for (const [k, v] of model) assert.equal(plain(it.disk.read(bytes(k))), v)
          await it.remove()
        }),
        { numRuns: 15 },
      )
    })
  })
}

function isRange(step: readonly DiskChange[] | [string, string, number]): step is [string, string, number] {
  return typeof step[0] === 'string'
}
