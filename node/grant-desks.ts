import type { View } from '../dht/view.ts'
import type { FleetControl } from './fleet-control.ts'
import type { GrantAdmin, JoinTokens } from './grants/api.ts'
import { GrantDesk, type GrantDeskParts } from './grants/grant-desk.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import { JoinDesk } from './grants/join-desk.ts'
import type { RightsDesk } from './grants/rights-desk.ts'
import type { SharedRegister } from './store/retention/ports.ts'

export type GrantDesksParts = {
  readonly keeper: GrantKeeper
  readonly rights: RightsDesk
  readonly view: () => View
  readonly authorityPublicKey: Uint8Array
  /** Of the join tokens that are out. */
  readonly register: SharedRegister
  readonly control: FleetControl
  readonly addresses: () => string[]
  readonly rotations: GrantDeskParts['rotations']
}

/** What operators do with grants and join tokens at the doors of one peer. */
export function grantDesks(parts: GrantDesksParts): { grants: GrantAdmin; joinTokens: JoinTokens } {
  const { keeper, rights, view, authorityPublicKey, register, control, addresses, rotations } = parts
  const memberNamed = (text: string) =>
    view().members.find(({ id, name }) => name === text || id === text)?.id ?? null
  return {
    grants: new GrantDesk({ keeper, rights, memberNamed, authorityPublicKey, rotations }),
    joinTokens: new JoinDesk({
      authorityPublicKey,
      register,
      control,
      addresses,
      nowMs: () => keeper.judge.nowMs,
    }),
  }
}
