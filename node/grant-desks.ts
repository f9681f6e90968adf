import type { View } from '../dht/view.ts'
import type { RegisterParts } from './control/register.ts'
import type { FleetAdmin } from './fleet-admin.ts'
import { AgentTokenDesk, agentTokensRegisterKey } from './grants/agent-token-desk.ts'
import type { AgentTokens, GrantAdmin, JoinTokens } from './grants/api.ts'
import { GrantDesk, type GrantDeskParts } from './grants/grant-desk.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import { JoinDesk, joinTokensRegisterKey } from './grants/join-desk.ts'
import type { RightsDesk } from './grants/rights-desk.ts'
import { sharedRegister } from './shared-register.ts'

export type GrantDesksParts = {
  readonly keeper: GrantKeeper
  readonly rights: RightsDesk
  readonly view: () => View
  readonly authorityPublicKey: Uint8Array
  /** By them the fleet agrees on the join tokens that are out. */
  readonly registers: RegisterParts
  readonly control: FleetAdmin
  readonly addresses: () => string[]
  readonly networkKey: Uint8Array | null
  readonly rotations: GrantDeskParts['rotations']
}

/** What operators do with grants and join tokens at the doors of one peer. */
export function grantDesks(parts: GrantDesksParts): {
  grants: GrantAdmin
  joinTokens: JoinTokens
  agentTokens: AgentTokens
} {
  const { keeper, rights, view, authorityPublicKey, registers, control, addresses, rotations } = parts
  const memberNamed = (text: string) =>
    view().members.find(({ id, name }) => name === text || id === text)?.id ?? null
  const desk = new GrantDesk({ keeper, rights, memberNamed, authorityPublicKey, rotations })
  const { networkKey } = parts
  return {
    grants: desk,
    agentTokens: new AgentTokenDesk({
      ...{ authorityPublicKey, keeper, rights, desk, networkKey },
      register: sharedRegister(registers, agentTokensRegisterKey),
      bootstrap: () => control.bootstrap(),
    }),
    joinTokens: new JoinDesk({
      authorityPublicKey,
      register: sharedRegister(registers, joinTokensRegisterKey),
      control,
      signer: keeper.signer,
      addresses,
      nowMs: () => keeper.judge.nowMs,
    }),
  }
}
