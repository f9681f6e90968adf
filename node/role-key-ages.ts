import type { RoleList } from './key-control.ts'
import type { RoleKeyAge } from './monitoring/metrics.ts'

/** Every key version of which it is known since when it exists. */
export const roleKeyAges = ({ roles }: RoleList, nowMs: number): RoleKeyAge[] =>
  roles.flatMap(({ name: role, keys }) =>
    keys.flatMap(({ keyVersion, fingerprint, state, createdAt }) =>
      createdAt === null
        ? []
        : [
            {
              role,
              keyVersion,
              fingerprint,
              state,
              ageSeconds: Math.max(0, nowMs - Date.parse(createdAt)) / 1_000,
            },
          ],
    ),
  )
