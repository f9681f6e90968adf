import { SlurpError } from '../../base/errors.ts'
import type { KeyControl, KeyState, KeyStatus, RoleList, RoleOrder } from '../../node/key-control.ts'

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
  let everyDays: number | null = null
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
    const rest = { entitled: ['p1'], everyDays, rotationDue: null }
    return {
      everyDays,
      roles: [{ name: 'architect', state, keys: [newest], ...rest }],
      reencryption: null,
    }
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
    async createRole({ name, peers, dryRun }: RoleOrder) {
      if (name === 'architect')
        throw new SlurpError('VERSION_CONFLICT', 'There is a role of that name already.')
      return { name, keyVersion: 1, fingerprint: dryRun ? null : fingerprint, entitled: peers ?? ['p1'] }
    },
    async scheduleRotation(role: string | null, days: number | null) {
      if (role !== null) known(role)
      everyDays = days
      return roles()
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
