import { SlurpError } from '../../base/errors.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import type {
  AgentTokens,
  Caller,
  DelegateText,
  GrantAdmin,
  GrantText,
  JoinTokens,
  Rights,
} from '../../node/grants/api.ts'
import type { ContextStore } from '../../node/store/api.ts'
import type { Catalogue } from '../../node/store/catalogue/api.ts'

/** Rights of a door on a peer in memory: whoever has its token may do everything, and nobody else has one. */
export const memoryRights = (store: ContextStore, catalogue: Catalogue): Rights => ({
  self: { name: 'p1', id: null } as Caller,
  callerOf: () => null,
  check: () => undefined,
  storeOf: () => store,
  catalogueOf: () => catalogue,
  searchOf: (_, __, search) => search,
})

const moment = new Date(0).toISOString()
const grant: GrantText = {
  id: '0a'.repeat(16),
  name: 'p1',
  kind: 'peer',
  subject: '12D3KooWp1',
  isBearer: false,
  state: 'valid',
  issuedAt: moment,
  notBefore: moment,
  expiresAt: moment,
  limits: memberLimits(true),
}
const delegate: DelegateText = {
  id: '0d'.repeat(16),
  publicKey: '0e'.repeat(32),
  issuedAt: moment,
  expiresAt: moment,
  certificate: 'none',
}
const fixed = (): never => {
  throw new SlurpError('SEALED', 'This peer signs nothing.')
}

/** One grant, of the peer itself, and no key to sign another. */
export const memoryGrants: GrantAdmin = {
  list: () => [grant],
  show: () => grant,
  create: async () => fixed(),
  revoke: async () => fixed(),
  explain: fixed,
  delegate: async () => delegate,
  continueDelegate: async () => fixed(),
}

export const memoryJoinTokens: JoinTokens = {
  create: async () => fixed(),
  redeem: async () => {
    throw new SlurpError('JOIN_TOKEN_WRONG', 'This peer made no join tokens.')
  },
}

export const memoryAgentTokens: AgentTokens = {
  create: async () => fixed(),
  redeem: async () => {
    throw new SlurpError('JOIN_TOKEN_WRONG', 'This peer made no join tokens.')
  },
}
