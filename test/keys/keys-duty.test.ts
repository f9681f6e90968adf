// Goal: what the duty about keys cannot do now is told and tried again, and never ends the process. Method: the duty with work
// that fails as the real one does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { RunOrder } from '../../node/control/duty-desk.ts'
import { keysDuty, type SealAnew } from '../../node/keys/keys-duty.ts'
import { DiskFailure } from '../../node/ports/ports.ts'
import { quietLog } from './fleets.ts'

const order: RunOrder = { token: 1, state: new Uint8Array(0), timeoutMs: 1_000 }

async function run(sealAnew: SealAnew, isStopped = false) {
  const warned: string[] = []
  const log = {
    ...quietLog,
    warn: (fields: object, text: string) => void warned.push(`${text}: ${JSON.stringify(fields)}`),
  }
  const keys = {
    isOutdated: false,
    reshare: async () => undefined,
    rotations: { rotateDue: async () => undefined },
  }
  const outcome = await new Promise<string>(resolve => {
    const running = keysDuty(keys as never, sealAnew, log).run(order, resolve)
    if (isStopped) running.stop()
  })
  return { outcome, warned }
}

test('a disk that fails while contexts are sealed anew fails the run, also when the process stops', async () => {
  const failing: SealAnew = async () => {
    throw new DiskFailure('records cannot be scanned')
  }
  const { outcome, warned } = await run(failing)
  assert.equal(outcome, 'failed')
  assert.match(warned[0]!, /contexts could not be sealed anew now.*records cannot be scanned/)
  const late: SealAnew = async (_, isStopped) => {
    while (!isStopped()) await new Promise(setImmediate)
    throw new DiskFailure('the disk is closed')
  }
  assert.equal((await run(late, true)).outcome, 'stopped')
})

test('a refusal fails the run, and what was reached is handed on', async () => {
  const refused: SealAnew = async () => {
    throw new SlurpError('QUORUM_UNREACHED', 'Nobody answers.')
  }
  assert.equal((await run(refused)).outcome, 'failed')
  assert.equal((await run(async () => ({ outcome: 'more', state: order.state }))).outcome, 'more')
})
