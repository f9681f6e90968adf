import { ok } from 'node:assert/strict'
import { SlurpError } from '../../base/errors.ts'

/** What a call is refused with; anything but a SlurpError, or an answer, fails the test. */
export async function refusal(work: Promise<unknown>): Promise<SlurpError> {
  try {
    await work
  } catch (thrown) {
    ok(thrown instanceof SlurpError, String(thrown))
    return thrown
  }
  throw new Error('it was carried out')
}
