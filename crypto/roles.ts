import type { RoleName } from '../base/ids.ts'
import { X25519Identity } from './x25519.ts'

/** Roles of a fleet that names none of its own. */
export const defaultRoles = [
  'admin',
  'architect',
  'developer',
  'devops',
  'manager',
  'security',
  'tester',
] as RoleName[]

/** Roles of one fleet, at most: a context may be sealed to all of them. */
export const rolesMax = 32
/** Key versions of all roles of a fleet, at most. */
export const roleKeysMax = 1024

/** Key versions of one role, at most: eight of each of the 32 roles fit the registry. */
export const roleKeyVersionsMax = 8

/** The public half of a role key: to whom a context is sealed. `recipient` is `age1…`. */
export type RoleRecipient = {
  readonly name: RoleName
  readonly keyVersion: number
  readonly recipient: string
}

/** One key version of a role: who holds the identity opens what is sealed to the recipient. */
export type RoleKey = {
  readonly name: RoleName
  /** From 1; grows with every rotation. */
  readonly keyVersion: number
  readonly identity: X25519Identity
}

export const newRoleKey = (name: RoleName, keyVersion = 1): RoleKey => ({
  name,
  keyVersion,
  identity: X25519Identity.generate(),
})

/** 1 to 2^32 − 1. */
export const isKeyVersion = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 32
