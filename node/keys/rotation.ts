import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, RoleName } from '../../base/ids.ts'
import {
  isRole,
  type KeyState,
  type Registry,
  type SecretEntry,
  withEntries,
} from '../../crypto/registry/registry.ts'
import { inState } from '../../crypto/registry/replaced.ts'
import { endorse } from '../../crypto/registry/statements.ts'
import { newRoleKey, roleKeyVersionsMax } from '../../crypto/roles.ts'
import { SecretProver } from '../../crypto/shares/dealing-proof.ts'
import { wipe } from '../../crypto/shares/share.ts'
import type { KeptHistory, RotatedRole } from '../key-control.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { Collector } from './collector.ts'
import type { Dealer } from './dealer.ts'
import { fingerprintOf } from './key-report.ts'
import type { RegistryBook } from './registry-book.ts'

export type RotationParts = {
  readonly fleet: FleetId
  readonly book: Pick<RegistryBook, 'registry' | 'agree' | 'change'>
  readonly collector: Pick<Collector, 'keyOf'>
  readonly dealer: Pick<Dealer, 'dealNew'>
  /** Has the registry name a key that every holder has its share of; left out, by changing it here. */
  readonly putInForce?: (entry: SecretEntry, history: KeptHistory) => Promise<void>
  /** Waits for a key version that was dealt a moment ago. */
  readonly ready: (roles: readonly Pick<SecretEntry, 'name' | 'keyVersion'>[]) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

export type RotationWish = {
  /** The key version that is to be replaced; whichever is newest when left out. */
  readonly onlyFrom?: number
  /** What becomes of history that is sealed to the keys of before; it stays when left out. */
  readonly history?: KeptHistory
}

/**
 * Gives roles new keys, and takes roles out of use. A new key version is vouched for by the one before it: whoever can
 * open a role can rotate it, and nobody else. It is in force once every holder has its share and the registry says so.
 */
export class Rotation {
  readonly #parts: RotationParts

  constructor(parts: RotationParts) {
    this.#parts = parts
  }

  /**
   * @throws SlurpError ROLE_UNKNOWN; SEALED when this peer cannot open the role; VERSION_CONFLICT when somebody else
   * rotated it meanwhile; TOO_MANY past `roleKeyVersionsMax`; QUORUM_UNREACHED.
   */
  async rotate(role: string, { onlyFrom, history = 'keep' }: RotationWish = {}): Promise<RotatedRole> {
    const { book, collector, dealer, fleet, log, ready, clock } = this.#parts
    await book.agree()
    const { versions, newest } = roleIn(book.registry, role)
    if (newest.state === 'retired') throw retired(role)
    if (onlyFrom !== undefined && newest.keyVersion !== onlyFrom) throw overtaken(role)
    const kept = versions.filter(({ state }) => state !== 'destroyed')
    if (kept.length >= roleKeyVersionsMax)
      throw new SlurpError('TOO_MANY', `The role "${role}" has ${kept.length} key versions already.`, {
        hint: `\`slurp role destroy ${role}\` lets go of those that were replaced, and of history sealed to them.`,
      })
    // Somebody else may have rotated it a moment ago.
    await ready([newest])
    const before = collector.keyOf(newest)
    if (before === null)
      throw new SlurpError(
        'SEALED',
        `This peer cannot open the role "${role}", and only who can may rotate it.`,
        {
          hint: 'Ask the door of a peer that holds the role; `slurp key shares` shows who is entitled.',
        },
      )
    const { name, keyVersion, identity } = newRoleKey(role as RoleName, newest.keyVersion + 1)
    const secret = identity.scalar()
    try {
      const { verifier } = new SecretProver(secret)
      const recipient = identity.recipient.text
      const key = { name, keyVersion, recipient, createdAtMs: Math.floor(clock.wallMs()), verifier }
      const prover = new SecretProver(before.secret)
      const endorsement = endorse(fleet, key, prover)
      const facts = { ...key, state: 'current' as const, endorser: newest.verifier, endorsement }
      const entry = await dealer.dealNew(facts, secret)
      const { putInForce } = this.#parts
      if (putInForce === undefined) await book.change(registry => withKey(registry, entry, history))
      else await putInForce(entry, history)
      log.warn({ role, keyVersion, fingerprint: fingerprintOf(entry) }, 'a role has a new key')
      return { name, keyVersion, fingerprint: fingerprintOf(entry), before: newest.keyVersion }
    } finally {
      wipe(secret)
      identity.wipe()
    }
  }

  /**
   * What was replaced is to go, with the history that is sealed to it.
   *
   * @throws SlurpError ROLE_UNKNOWN, QUORUM_UNREACHED.
   */
  async destroy(role: string): Promise<void> {
    await this.#mark(role, 'ending', versions => versions.slice(0, -1))
    this.#parts.log.warn({ role }, 'the keys of before of a role are to be destroyed')
  }

  /**
   * Nothing is sealed to the role any more; what is sealed to it stays readable.
   *
   * @throws SlurpError ROLE_UNKNOWN, QUORUM_UNREACHED.
   */
  async retire(role: string): Promise<void> {
    await this.#mark(role, 'retired', versions => versions)
    this.#parts.log.warn({ role }, 'a role is used no more')
  }

  /** Has the registry say so of some key versions of a role, as they are when it is written. */
  async #mark(
    role: string,
    state: KeyState,
    which: (versions: readonly SecretEntry[]) => readonly SecretEntry[],
  ): Promise<void> {
    const { book } = this.#parts
    await book.agree()
    roleIn(book.registry, role)
    await book.change(registry =>
      withEntries(
        registry,
        which(roleIn(registry, role).versions).map(entry => inState(entry, state)),
      ),
    )
  }
}

/** All key versions of a role, ascending. @throws SlurpError ROLE_UNKNOWN. */
function roleIn(
  { secrets }: Registry,
  role: string,
): { versions: readonly SecretEntry[]; newest: SecretEntry } {
  const versions = secrets.filter(({ name }) => name === role && isRole(name))
  const newest = versions.at(-1)
  if (newest === undefined)
    throw new SlurpError('ROLE_UNKNOWN', 'This fleet has no such role.', {
      hint: '`slurp role ls` lists the roles.',
    })
  return { versions, newest }
}

/** With the next key of a role. @throws SlurpError VERSION_CONFLICT, ROLE_UNKNOWN. */
export function withKey(registry: Registry, entry: SecretEntry, history: KeptHistory): Registry {
  const { versions, newest } = roleIn(registry, entry.name)
  // Asked again, as the outcome of the last attempt is not known: it was ours.
  if (sameBytes(newest.verifier, entry.verifier)) return registry
  if (newest.keyVersion >= entry.keyVersion) throw overtaken(entry.name)
  if (newest.state === 'retired') throw retired(entry.name)
  const state = history === 'keep' ? 'old' : 'ending'
  return withEntries(registry, [...versions.map(each => inState(each, state)), entry])
}

const overtaken = (role: string): SlurpError =>
  new SlurpError('VERSION_CONFLICT', `Somebody else has rotated the role "${role}" meanwhile.`, {
    hint: '`slurp role ls` shows the key version in force.',
  })

const retired = (role: string): SlurpError =>
  new SlurpError('ROLE_UNKNOWN', `The role "${role}" is retired.`, {
    hint: '`slurp role ls` lists the roles.',
  })
