import { SlurpError } from '../../base/errors.ts'
import type { KeyControl, KeyState, KeyStatus, RoleList } from '../../node/key-control.ts'

const fingerprint = '0123456789abcdef'

/** Keys without a fleet: one role, two holders, and a peer that can be sealed and never unsealed while `p2` is away. */
export function memoryKeys(): KeyControl & { isAway: boolean } {
  let state: KeyState = 'open'
  const status = (): KeyStatus => ({
    state,
    reason: state === 'open' ? null : '1 more holders of shares are needed; p2 cannot be reached.',
    short: state === 'open' ? 0 : 1,
    missing: state === 'open' ? [] : ['p2'],
    keys: [
      {
        name: 'architect',
        keyVersion: 1,
        fingerprint,
        state: state === 'open' ? 'open' : 'sealed',
        needed: 2,
        holders: 2,
        reachable: state === 'open' ? 2 : 1,
        released: 0,
        refused: [],
        bad: [],
      },
    ],
  })
  let keyVersion = 1
  let isRetired = false
  const roles = (): RoleList => {
    const state = isRetired ? 'retired' : 'current'
    const newest = {
      keyVersion,
      fingerprint,
      state,
      recipient: 'age1architect',
      createdAt: null,
      isOpenHere: true,
      contexts: null,
    } as const
    return { roles: [{ name: 'architect', state, keys: [newest], entitled: ['p1'] }], reencryption: null }
  }
  const known = (role: string) => {
    if (role !== 'architect') throw new SlurpError('ROLE_UNKNOWN', 'This fleet has no such role.')
  }
  const keys = {
    isAway: false,
    status,
    shares: () => ({
      secrets: [
        {
          name: 'architect',
          keyVersion: 1,
          fingerprint,
          state: 'current' as const,
          recipient: 'age1architect',
          setVersion: 1,
          needed: 2,
          holders: ['p1', 'p2'],
          isHeldHere: true,
        },
      ],
      entitled: [{ peer: 'p1', names: ['@fleet', 'architect'] }],
      holdersWanted: ['p1', 'p2'],
    }),
    async unseal() {
      if (keys.isAway) throw new SlurpError('SEALED', 'p2 cannot be reached.')
      state = 'open'
      return status()
    },
    seal() {
      state = 'sealed'
      return status()
    },
    reshare: async (force: boolean) =>
      force ? { dealt: ['architect/1'], holders: ['p1'] } : { dealt: [], holders: [] },
    roles,
    async rotate(role: string) {
      known(role)
      keyVersion += 1
      return { name: role, keyVersion, fingerprint, before: keyVersion - 1 }
    },
    async destroy(role: string) {
      known(role)
      return roles()
    },
    async retire(role: string) {
      known(role)
      isRetired = true
      return roles()
    },
  }
  return keys
}
