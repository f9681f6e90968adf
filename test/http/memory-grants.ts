import { SlurpError } from '../../base/errors.ts'
import type { Caller, GrantAdmin, JoinTokens, Rights } from '../../node/grants/api.ts'
import type { ContextStore } from '../../node/store/api.ts'

/** Rights of a door on a peer in memory: whoever has its token may do everything, and there are no grants. */
export const memoryRights = (store: ContextStore): Rights => ({
  self: { name: 'p1' } as Caller,
  callerOf: () => null,
  check: () => undefined,
  storeOf: () => store,
})

const none = () => {
  throw new SlurpError('GRANT_UNKNOWN', 'This peer has no grants.')
}

export const memoryGrants: GrantAdmin = {
  list: () => [],
  show: none,
  create: async () => none(),
  revoke: async () => none(),
  explain: none,
  delegate: async () => none(),
  continueDelegate: async () => none(),
}

export const memoryJoinTokens: JoinTokens = {
  create: async () => none(),
  redeem: async () => {
    throw new SlurpError('JOIN_TOKEN_WRONG', 'This peer made no join tokens.')
  },
}
