// Goal: no schedule of a small move breaks a rule, not only none that chance met. Method: every schedule that has one
// letter late, lost or early, one stage early, or one process that dies, and is the usual one else; two schedules that
// meet in a state go on as one. The explorer itself must notice a broken rule, and count what it says it does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from '../../sim/explore/explore.ts'
import { settings } from '../../sim/explore/settings.ts'
import { hunt } from '../../sim/mutants/hunt.ts'
import { mutants } from '../../sim/mutants/mutants.ts'

const none = { deviations: 0, early: 0, losses: 0, crashes: 0 }

for (const setting of settings) {
  test(`${setting.name}: every schedule with one thing out of the usual`, t => {
    const usual = explore(setting, none)
    assert.equal(usual.wrong, null)
    assert.deepEqual([usual.schedules, usual.cut, usual.states], [1, 0, usual.deepest + 1])
    const lost = explore(setting, { ...none, deviations: 1, losses: 1 })
    assert.equal(lost.wrong, null)
    const { wrong, isComplete, schedules, cut, states, deepest } = explore(setting, {
      deviations: 1,
      early: 1,
      losses: 1,
      crashes: 1,
    })
    assert.equal(wrong, null)
    assert.ok(isComplete && schedules > lost.schedules && lost.schedules > usual.schedules)
    assert.ok(cut > 0 && states > schedules, 'schedules that only swap what is apart meet')
    t.diagnostic(`${schedules} schedules, ${cut} cut, ${states} states, ${deepest} steps at most`)
  })
}

test('the same exploration counts the same', () => {
  const budget = { ...none, deviations: 1, crashes: 1 }
  assert.deepEqual(explore(settings[0]!, budget), explore(settings[0]!, budget))
})

test('an exploration that is ended early says so', () => {
  const { isComplete, schedules, cut } = explore(settings[0]!, { ...none, deviations: 2, losses: 1 }, 20)
  assert.ok(!isComplete && schedules + cut === 20)
})

test('the explorer notices a broken rule', async t => {
  const mutant = mutants.find(({ name }) => name === 'the lowest accepted value instead of the highest')
  assert.ok(mutant)
  const { caught } = await hunt({ ...mutant, how: { directed: 'onceUnusual' } }, 0)
  assert.ok(caught !== null)
  t.diagnostic(caught)
})
