import type { RoleList } from './key-control.ts'
import type { KeyContexts, RoleKeyAge } from './monitoring/metrics.ts'

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

/** What is sealed to which key version on the disk of the peer that was asked; nothing until it was counted. */
export const keyContexts = ({ roles }: RoleList): KeyContexts[] =>
  roles.flatMap(({ name: role, keys }) =>
    keys.flatMap(({ keyVersion, contexts }) =>
      contexts === null ? [] : [{ role, keyVersion, ...contexts }],
    ),
  )
