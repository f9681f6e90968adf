import { randomBytes } from 'node:crypto'
import type { RoleName } from '../../base/ids.ts'
import { newContextStore, type RunningContextStore, type StoreParts } from '../../node/store/context-store.ts'
import type { BenchProcess, SubmitterBench } from '../contracts/submitter.ts'
import { roleKeys, roleRecipients } from './identities.ts'

export const fleetSecret = new Uint8Array(randomBytes(32))

/** Keys of a process that holds these roles; none and `blind` for one that cannot even tell where an address lies. */
export const keysFor = (held: readonly string[], blind = false): StoreParts['keys'] => ({
  fleetSecret: blind ? null : fleetSecret,
  heldRoles: held as RoleName[],
  sealedWhy: null,
  identitiesOf: (name, keyVersion) =>
    roleKeys
      .filter(key => held.includes(name) && key.name === name && key.keyVersion === keyVersion)
      .map(key => key.identity),
})

export const storeOn = (
  bench: SubmitterBench,
  process: BenchProcess,
  more: Partial<StoreParts> = {},
): RunningContextStore =>
  newContextStore({
    ...process,
    fleet: { id: bench.fleet, roles: roleRecipients },
    keys: keysFor(['admin', 'developer']),
    ...more,
  })

let places = 0

/** An address that no other test uses. */
export const newAddress = (): string => `ucxl://any:any@tests:any/*^/place-${++places}`

export const withTime = (address: string, temporal: string): string => address.replace('*^', temporal)
