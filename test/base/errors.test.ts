// Goal: every error code can be answered by every door. Method: each row of the one table, and what derives from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advice, asSlurpError, type ErrorCode, SlurpError } from '../../base/errors.ts'

const codes = Object.keys(advice) as ErrorCode[]
// 0 is no error, 130 is a signal.
const exitCodes: number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const retries = ['never', 'afterBackoff', 'withNewVersion', 'now']

test('every code has an HTTP status, an exit code of the contract, a retry advice and a hint', () => {
  for (const code of codes) {
    const row = advice[code]
    assert.match(code, /^[A-Z]+(_[A-Z]+)*$/)
    assert.ok(row.http >= 200 && row.http < 600, code)
    assert.ok(exitCodes.includes(row.exit), code)
    assert.ok(retries.includes(row.retry), code)
    assert.match(row.hint, /\S.*\.$/s, `${code}: a hint is a sentence`)
  }
})

test('exit codes say what the contract says', () => {
  const exits = { VERSION_CONFLICT: 5, NOT_FOUND: 4, ROLE_DENIED: 6, QUORUM_UNREACHED: 7, UNREACHABLE: 7 }
  const more = { INTEGRITY_FAILED: 8, SEALED: 9, PARTIAL: 3, USAGE: 2, INTERNAL: 1 }
  for (const [code, exit] of Object.entries({ ...exits, ...more })) {
    assert.equal(advice[code as ErrorCode].exit, exit, code)
  }
})

test('an HTTP status of one class goes with the exit code of that class', () => {
  for (const code of codes) {
    const { http, exit } = advice[code]
    if (http === 404) assert.equal(exit, 4, code)
    if (http === 401 || http === 403) assert.equal(exit, 6, code)
    if (http === 400 || http === 413) assert.equal(exit, 2, code)
    if (exit === 7) assert.ok([408, 503, 504].includes(http), code)
  }
})

test('the answer of a door carries code, message, hint and advice', () => {
  const conflict = new SlurpError('VERSION_CONFLICT', 'Another version stands.', { currentVersion: null })
  assert.equal(conflict.httpStatus, 409)
  assert.equal(conflict.exitCode, 5)
  assert.deepEqual(conflict.toBody(), {
    error: {
      code: 'VERSION_CONFLICT',
      message: 'Another version stands.',
      hint: advice.VERSION_CONFLICT.hint,
      retryable: true,
      retry: 'withNewVersion',
    },
    current: { version: null },
  })
  const usage = new SlurpError('USAGE', 'No such command.', { hint: 'Try again.' }).toBody()
  assert.equal(usage.error.hint, 'Try again.')
  assert.equal(usage.error.retryable, false)
  assert.equal('current' in usage, false)
})

test('what was not planned for becomes INTERNAL and keeps its text to itself', () => {
  const planned = new SlurpError('SEALED', 'No key.')
  assert.equal(asSlurpError(planned), planned)
  const cause = new Error('a secret')
  const internal = asSlurpError(cause)
  assert.equal(internal.code, 'INTERNAL')
  assert.equal(internal.cause, cause)
  assert.equal(JSON.stringify(internal.toBody()).includes('secret'), false)
  assert.equal(asSlurpError('thrown text').code, 'INTERNAL')
})
