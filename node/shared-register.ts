import { SlurpError } from '../base/errors.ts'
import type { ContextKey, Digest, FleetId } from '../base/ids.ts'
import { controlBody, signControl } from '../crypto/envelope.ts'
import type { Identity } from '../crypto/identity.ts'
import { ControlRegister, type RegisterParts } from './control/register.ts'
import type { ControlSealer } from './ports/ports.ts'
import type { SharedRegister } from './store/retention/ports.ts'

/** What control registers hold, signed as `signing` says at that moment. */
export const controlSealer = (
  fleet: FleetId,
  signing: () => { readonly author: Identity; readonly grant?: Digest },
): ControlSealer => ({
  seal: (facts, body) => signControl({ ...facts, ...signing(), fleet, expiresAtMs: 0 }, body),
  open: controlBody,
})

/** A control register for the use cases of the store. */
export function sharedRegister(parts: RegisterParts, key: ContextKey): SharedRegister {
  const register = new ControlRegister(parts, key)
  return {
    read: timeoutMs =>
      new Promise((resolve, reject) => {
        register.read(timeoutMs, answer => {
          if (answer.kind === 'found') resolve(answer.found)
          else if (answer.kind === 'absent') resolve(null)
          else
            reject(
              new SlurpError('QUORUM_UNREACHED', 'The control group of the fleet did not answer in time.'),
            )
        })
      }),
    swap: (expected, body, timeoutMs) =>
      new Promise(resolve => {
        register.attempt(register.swap(expected, body, null), 1, timeoutMs, answer =>
          resolve(answer.kind === 'swapped'),
        )
      }),
  }
}
