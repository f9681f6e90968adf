// Goal: whoever carries a duty out never follows a token with a lower one, over restarts and losses too. Method: the
// machine by hand, and random effects and restarts against the plain rule.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { admit, dutiesMax, type Fence, type FenceRecord, raise, restoreFence } from '../../election/fence.ts'

const admitted = (fence: Fence, duty: string, token: number) => {
  const admission = admit(fence, duty, token)
  assert.ok(admission.kind === 'admitted')
  return admission
}
const refusal = (fence: Fence, duty: string, token: number): string => {
  const admission = admit(fence, duty, token)
  return admission.kind === 'refused' ? `${admission.reason} ${admission.highest}` : 'admitted'
}

test('it stores the highest token of each duty and refuses a lower one', () => {
  const first = admitted(restoreFence([]), 'repair', 5)
  assert.deepEqual(first.changes, [{ kind: 'fence', record: { format: 1, duty: 'repair', token: 5 } }])
  assert.equal(refusal(first.fence, 'repair', 4), 'outdated 5')
  assert.deepEqual(admitted(first.fence, 'repair', 5).changes, [])
  assert.deepEqual(admitted(first.fence, 'repair', 6).changes, [
    { kind: 'fence', record: { format: 1, duty: 'repair', token: 6 } },
  ])
  // Duties are apart from each other.
  assert.equal(admitted(first.fence, 'collection', 2).changes.length, 1)
})

test('effects of one duty are monotone in the token, over restarts', () => {
  const actions = fc.array(
    fc.oneof(
      fc.record({ duty: fc.constantFrom('repair', 'collection'), token: fc.integer({ min: 1, max: 9 }) }),
      fc.constant('restart' as const),
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(actions, list => {
      const saved = new Map<string | null, FenceRecord>()
      const highest = new Map<string, number>()
      let fence = restoreFence([])
      for (const action of list) {
        if (action === 'restart') {
          fence = restoreFence(saved.values())
          continue
        }
        const admission = admit(fence, action.duty, action.token)
        const before = highest.get(action.duty) ?? 0
        assert.equal(admission.kind === 'admitted', action.token >= before)
        if (admission.kind !== 'admitted') continue
        fence = admission.fence
        for (const { record } of admission.changes) saved.set(record.duty, record)
        highest.set(action.duty, action.token)
      }
    }),
  )
})

test('a guard that lost its records lets nothing through before it knows the token of the lease', () => {
  const lost = restoreFence([{ format: 1, duty: 'repair', token: 3 }], true)
  assert.equal(refusal(lost, 'collection', 100), 'lost 0')
  const { fence, changes } = raise(lost, 7)
  assert.equal(refusal(fence, 'collection', 6), 'outdated 7')
  assert.equal(refusal(fence, 'repair', 6), 'outdated 7')
  assert.equal(admitted(fence, 'repair', 7).changes.length, 1)
  // The floor stands after the next restart as well.
  const restarted = restoreFence(changes.map(({ record }) => record))
  assert.equal(refusal(restarted, 'collection', 6), 'outdated 7')
  assert.equal(raise(restarted, 5).fence.floor, 7)
})

test('what a peer makes up is refused', () => {
  const fence = restoreFence([])
  for (const token of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 48])
    assert.equal(refusal(fence, 'repair', token), 'invalid 0')
  for (const duty of ['', 'Repair', '1st', 'a'.repeat(65), '__proto__'])
    assert.equal(refusal(fence, duty, 1), 'invalid 0')
})

test('no more duties than there is room for', () => {
  let fence = restoreFence([])
  for (let number = 0; number < dutiesMax; number++) fence = admitted(fence, `duty-${number}`, 1).fence
  assert.equal(refusal(fence, 'one-more', 1), 'tooMany 0')
  assert.equal(refusal(fence, 'duty-0', 2), 'admitted')
})

test('saved records that are none are a bug of ours', () => {
  assert.throws(() => restoreFence([{ format: 1, duty: 'Bad', token: 1 }]))
  assert.throws(() => restoreFence([{ format: 1, duty: 'repair', token: 0 }]))
  assert.throws(() => raise(restoreFence([]), 0))
})
