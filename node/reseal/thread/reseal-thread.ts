// Runs in a worker: opens versions and seals them anew.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../../base/assert.ts'
import { SlurpError } from '../../../base/errors.ts'
import type { RoleName } from '../../../base/ids.ts'
import { resealBody } from '../../../crypto/reseal.ts'
import { X25519Identity } from '../../../crypto/x25519.ts'
import type { Answered, Asked, ThreadData } from './messages.ts'

const port = parentPort
assert(port !== null, 'the thread is started as a worker')
const held = (workerData as ThreadData).roleKeys.map(({ name, keyVersion, identity }) => ({
  name,
  keyVersion,
  identity: new X25519Identity(identity),
}))

const identitiesOf = (role: RoleName, keyVersion: number) =>
  held.flatMap(key => (key.name === role && key.keyVersion === keyVersion ? [key.identity] : []))

port.on('message', (asked: Asked | 'close') => {
  if (asked === 'close') {
    for (const { identity } of held) identity.wipe()
    return port.close()
  }
  const { id, data, binding, recipients } = asked
  try {
    const body = resealBody(data, identitiesOf, binding, recipients)
    port.postMessage({ id, body } satisfies Answered)
  } catch (failure) {
    if (!(failure instanceof SlurpError)) throw failure
    port.postMessage({ id, code: failure.code, message: failure.message } satisfies Answered)
  }
})
