// Goal: what one write does to what stands follows rules 4, 5, 9 and 13. Method: table of cases, and a property
// over random sequences of operations that the window and its floor never let an operation apply twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ballotFrom } from '../../base/hlc.ts'
import { noBallot } from '../../base/ids.ts'
import { type Expected, recentOpsMax, type Value, type WriteOperation } from '../../replication/messages.ts'
import { applyWrite, isDead } from '../../replication/register.ts'
import { valueAt, versionAt, wallMs, writeAt } from './memory-records.ts'

const apply = (current: Value | null, operation: WriteOperation, retried = false) =>
  applyWrite(current, operation, noBallot, wallMs, retried)

test('preconditions: none, any, a version; a dead key matches only `none` (rule 9)', () => {
  const live = valueAt(5)
  const dead = valueAt(5, { kind: 'tombstone' })
  const expired = valueAt(5, { expiresAtMs: wallMs - 1 })
  const cases: [Value | null, Expected, 'write' | 'conflict'][] = [
    [null, 'none', 'write'],
    [null, 'any', 'write'],
    [null, versionAt(5), 'conflict'],
    [live, 'none', 'conflict'],
    [live, 'any', 'write'],
    [live, versionAt(5), 'write'],
    [live, versionAt(4), 'conflict'],
    [dead, 'none', 'write'],
    [dead, versionAt(5), 'conflict'],
    [expired, 'none', 'write'],
    [expired, versionAt(5), 'conflict'],
  ]
  for (const [current, expect, wanted] of cases) {
    const applied = apply(current, writeAt(9, expect, current?.version ?? null))
    assert.equal(
      applied.kind === 'refuse' ? applied.answer : applied.kind,
      wanted,
      `${current?.kind} ${expect}`,
    )
  }
})

test('bytes that are bound to another parent are refused as moved, and so is an id that is not newer (rule 13)', () => {
  const live = valueAt(5)
  for (const operation of [
    writeAt(9, 'any', null),
    writeAt(9, 'any', versionAt(4)),
    writeAt(4, 'any', versionAt(5)),
  ]) {
    const applied = apply(live, operation)
    assert.ok(applied.kind === 'refuse' && applied.answer === 'moved')
  }
})

test('rule 5: a known id is answered, one at or below the floor is unknown, a refused retry writes its id', () => {
  const current = valueAt(5, { opsFloor: versionAt(3) })
  assert.deepEqual(apply(current, writeAt(5, 'any', versionAt(5))), { kind: 'known', answer: 'written' })
  assert.deepEqual(apply(current, writeAt(2, 'any', versionAt(5))), { kind: 'unknown' })
  const recorded = apply(current, writeAt(9, 'none', versionAt(5)), true)
  assert.ok(recorded.kind === 'write' && recorded.answer === 'conflict')
  assert.equal(recorded.value.version, current.version, 'nothing changes for a reader')
  assert.deepEqual(apply(recorded.value, writeAt(9, 'any', versionAt(5))), {
    kind: 'known',
    answer: 'conflict',
  })
  assert.deepEqual(
    apply(null, writeAt(9, versionAt(5), null), true),
    { kind: 'unknown' },
    'nothing signed could carry the id',
  )
})

test('an absent key starts from its gcFloor', () => {
  const floor = ballotFrom(versionAt(7), 1)
  assert.equal(applyWrite(null, writeAt(6, 'any', null), floor, wallMs, false).kind, 'unknown')
  assert.equal(applyWrite(null, writeAt(8, 'any', null), floor, wallMs, false).kind, 'write')
})

test('a tombstone and an expired value are dead, others are not', () => {
  assert.ok(isDead(null, wallMs) && isDead(valueAt(1, { kind: 'tombstone' }), wallMs))
  assert.ok(
    isDead(valueAt(1, { expiresAtMs: wallMs }), wallMs) &&
      !isDead(valueAt(1, { expiresAtMs: wallMs + 1 }), wallMs),
  )
})

test('property: however operations are repeated and reordered, each applies at most once and versions only grow', () => {
  const step = fc.record({ at: fc.integer({ min: 1, max: 40 }), bound: fc.boolean(), retried: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      let current: Value | null = null
      const appliedIds = new Set<string>()
      for (const { at, bound, retried } of steps) {
        const operation: WriteOperation = writeAt(
          at,
          'any',
          bound ? ((current as Value | null)?.version ?? null) : versionAt(41),
        )
        const applied = apply(current, operation, retried)
        if (applied.kind !== 'write') continue
        if (applied.answer === 'written') {
          assert.ok(!appliedIds.has(operation.id), 'applied twice')
          appliedIds.add(operation.id)
          const before: string = (current as Value | null)?.version ?? ''
          assert.ok(applied.value.version > before)
          assert.equal(applied.value.parent, (current as Value | null)?.version ?? null)
        }
        assert.ok(applied.value.recentOps.length <= recentOpsMax)
        current = applied.value
      }
    }),
  )
})
