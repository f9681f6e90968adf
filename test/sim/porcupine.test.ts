// Goal: our linearizability checker is right. Method: the published verdicts of histories made by others, small
// histories with a known verdict, and random histories of a real register, legal as made and illegal once mutated.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import fc from 'fast-check'
import { checkLinearizable, type Interval, type Verdict } from '../../sim/checker/linearizability.ts'
import { sharedData } from '../shared-data.ts'
import {
  kvHistories,
  kvModel,
  type RegisterOperation,
  registerHistory,
  registerModel,
} from './porcupine-histories.ts'

const budgetSteps = 600_000

test('agrees with every published verdict', () => {
  const [, ...rows] = readFileSync(sharedData('porcupine/verdicts.tsv'), 'utf8').trim().split('\n')
  let checked = 0
  for (const row of rows) {
    const [file, model, wanted] = row.trimEnd().split('\t') as [string, string, string]
    // One key that is not linearizable settles a file; without one, every key must have been decided.
    let verdict = 'linearizable'
    for (const kind of kindsOf(file, model)) {
      if (kind !== 'linearizable' && verdict !== 'illegal') verdict = kind
      if (verdict === 'illegal') break
    }
    assert.equal(verdict, wanted === 'true' ? 'linearizable' : 'illegal', file)
    checked++
  }
  assert.equal(checked, 56)
})

function* kindsOf(file: string, model: string): Generator<Verdict['kind']> {
  if (model === 'register') yield checkLinearizable(registerModel, registerHistory(file), budgetSteps).kind
  else
    for (const history of kvHistories(file).values())
      yield checkLinearizable(kvModel, history, budgetSteps).kind
}

const interval = (
  operation: RegisterOperation,
  calledAt: number,
  returnedAt: number | null,
): Interval<RegisterOperation> => ({ operation, calledAt, returnedAt })

test('an operation of unknown outcome may take effect late or never, but not before its call', () => {
  const write = interval({ kind: 'write', value: '1' }, 2, null)
  const read = (saw: string, calledAt: number) => interval({ kind: 'read', saw }, calledAt, calledAt + 1)
  const verdict = (...history: Interval<RegisterOperation>[]) =>
    checkLinearizable(registerModel, history, 1_000).kind
  assert.equal(verdict(write, read('nil', 3), read('nil', 5)), 'linearizable')
  assert.equal(verdict(write, read('nil', 3), read('1', 5)), 'linearizable')
  assert.equal(verdict(write, read('1', 3), read('nil', 5)), 'illegal')
  assert.equal(verdict(read('1', 0), write), 'illegal')
})

test('gives up with `unknown` when the budget is spent', () => {
  const history = Array.from({ length: 12 }, (_, i) => interval({ kind: 'write', value: `${i}` }, 0, 100))
  history.push(interval({ kind: 'read', saw: 'never written' }, 101, 102))
  assert.equal(checkLinearizable(registerModel, history, 500).kind, 'unknown')
  assert.equal(checkLinearizable(registerModel, history, 1_000_000).kind, 'illegal')
})

/** A history of a real register: every operation takes effect at a moment of its own inside its interval. */
const legalHistory = fc
  .array(
    fc.record({
      kind: fc.constantFrom('read' as const, 'write' as const, 'cas' as const),
      from: fc.integer({ min: 0, max: 3 }),
      to: fc.integer({ min: 0, max: 3 }),
      early: fc.integer({ min: 1, max: 60 }),
      late: fc.integer({ min: 1, max: 60 }),
      lost: fc.integer({ min: 0, max: 9 }),
    }),
    { minLength: 2, maxLength: 40 },
  )
  .map(plans => {
    let state = 'nil'
    return plans.map((plan, i): Interval<RegisterOperation> => {
      const effectAt = 100 + i * 10
      const [calledAt, returnedAt] = [effectAt - plan.early, plan.lost === 0 ? null : effectAt + plan.late]
      if (plan.kind === 'read') return interval({ kind: 'read', saw: state }, calledAt, effectAt + plan.late)
      if (plan.kind === 'write') {
        state = `${plan.to}`
        return interval({ kind: 'write', value: state }, calledAt, returnedAt)
      }
      const applied = state === `${plan.from}`
      if (applied) state = `${plan.to}`
      const operation: RegisterOperation = {
        kind: 'cas',
        from: `${plan.from}`,
        to: `${plan.to}`,
        applied: returnedAt === null ? 'unknown' : applied,
      }
      return interval(operation, calledAt, returnedAt)
    })
  })

test('accepts what a real register did, and refuses it with a read of what was never written', () => {
  fc.assert(
    fc.property(legalHistory, fc.nat(), (history, at) => {
      assert.equal(checkLinearizable(registerModel, history, budgetSteps).kind, 'linearizable')
      const mutated = history.map((entry, i) =>
        i === at % history.length
          ? { ...entry, operation: { kind: 'read' as const, saw: 'other' }, returnedAt: entry.calledAt + 1 }
          : entry,
      )
      assert.equal(checkLinearizable(registerModel, mutated, budgetSteps).kind, 'illegal')
    }),
    { numRuns: 200 },
  )
})
