import type { FleetId } from '../base/ids.ts'
import { controlBody, signControl } from '../crypto/envelope.ts'
import type { Identity } from '../crypto/identity.ts'
import type { RegisterParts } from './control/register.ts'
import type { Driver } from './driver/driver.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'

/** How this peer writes what the fleet agrees on: signed, under the grant that it has at that moment, sealed to nobody. */
export const controlRegisters = (
  fleet: FleetId,
  author: Identity,
  grants: Pick<GrantKeeper, 'own'>,
  hlc: RegisterParts['hlc'],
  driver: Driver,
): RegisterParts => ({
  hlc,
  clock: driver.clock,
  sealer: {
    seal: (facts, body) => {
      const grant = grants.own?.grantHash
      const signing = { author, ...(grant === undefined ? {} : { grant }) }
      return signControl({ ...facts, ...signing, fleet, expiresAtMs: 0 }, body)
    },
    open: controlBody,
  },
  submit: (operation, timeoutMs, done) => driver.submit(operation, timeoutMs, done),
})
