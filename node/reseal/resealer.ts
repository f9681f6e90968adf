import { assert } from '../../base/assert.ts'
import { SlurpError } from '../../base/errors.ts'
import { type Clock, mergeHlc, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, Digest, FleetId, Version } from '../../base/ids.ts'
import { readEnvelope, sealAnew } from '../../crypto/envelope.ts'
import type { Identity } from '../../crypto/identity.ts'
import { shownOf } from '../../crypto/reseal.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Submitter } from '../store/api.ts'
import type { StoreClock } from '../store/deadline.ts'
import type { BodySealer, CurrentKeys } from './ports.ts'

export type ResealerParts = {
  readonly submitter: Submitter
  readonly fleet: FleetId
  readonly author: Identity
  readonly clock: StoreClock
  readonly hlc: Clock
  readonly currentKeys: CurrentKeys
  readonly sealer: BodySealer
  /** The grant under which this peer writes. */
  readonly grant: () => { readonly grant?: Digest }
}

/** `overtaken`: somebody wrote meanwhile, and that is what counts. `closed`: its roles are not open here. */
export type Resealed = 'done' | 'overtaken' | 'closed' | 'failed'

const timeoutMs = 10_000
const clockDriftMaxMs = 10_000

/** Replaces what stands at a key by the same, sealed to the newest keys of its roles. */
export class Resealer {
  readonly #parts: ResealerParts

  constructor(parts: ResealerParts) {
    this.#parts = parts
  }

  /**
   * @param record - stands at the key, as far as it is known here; live, with its bytes. Where something else stands by
   * now nothing is written.
   */
  async reseal(key: ContextKey, record: VersionRecord): Promise<Resealed> {
    const { submitter, clock, hlc } = this.#parts
    assert(record.kind === 'live' && record.data !== null, 'only what is sealed is sealed anew')
    mergeHlc(hlc, record.version, clock.wallMs(), clockDriftMaxMs)
    const id = nextHlc(hlc, clock.wallMs())
    const sealed = await this.#sealed(key, record, record.data, id)
    if (typeof sealed === 'string') return sealed
    const { version: parent, expiresAtMs } = record
    const value = { kind: 'live', expiresAtMs, hash: sealed.hash, data: sealed.data } as const
    const outcome = await submitter.submit(
      { kind: 'write', id, attempt: 1, key, expect: parent, parent, value, epoch: null },
      timeoutMs,
    )
    switch (outcome.kind) {
      case 'written':
        return 'done'
      case 'conflict':
      case 'moved':
        return 'overtaken'
      default:
        return 'failed'
    }
  }

  async #sealed(
    key: ContextKey,
    { version: parent, expiresAtMs }: VersionRecord,
    data: Uint8Array,
    id: Version,
  ) {
    const { fleet, author, currentKeys, grant, sealer } = this.#parts
    try {
      const header = readEnvelope(data)
      const current = header.roles.map(({ name }) => currentKeys(name))
      if (!current.every(each => each !== undefined)) return 'closed'
      const roles = current.map(({ name, keyVersion }) => ({ name, keyVersion }))
      const plan = {
        ...grant(),
        fleet,
        key,
        version: id,
        parent,
        author,
        expiresAtMs,
        roles,
        standsFor: shownOf(header),
      }
      const recipients = current.map(({ recipient }) => recipient)
      return await sealAnew(plan, binding => sealer.seal(data, binding, recipients))
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      return thrown.code === 'ROLE_DENIED' ? 'closed' : 'failed'
    }
  }
}
