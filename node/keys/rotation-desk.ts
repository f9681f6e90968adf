import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId, RoleName } from '../../base/ids.ts'
import { entitledTo } from '../../crypto/registry/registry.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import type { Collector } from './collector.ts'
import type { RegistryBook } from './registry-book.ts'
import type { Rotation } from './rotation.ts'
import {
  type DueRotation,
  decodePlan,
  encodePlan,
  noRotations,
  type RotationPlan,
  rotationsOf,
  withAsked,
  withSchedule,
} from './rotation-plan.ts'
import { type Answered, encodeQuestion } from './wire.ts'

const attemptMs = 2_000
const attemptsMax = 5
const delegateMs = 20_000

export type RotationDeskParts = {
  readonly self: { readonly peerId: PeerId }
  readonly register: SharedRegister
  readonly book: RegistryBook
  readonly collector: Collector
  readonly rotation: Pick<Rotation, 'rotate'>
  readonly exchange: Exchange
  readonly clock: Clock
  readonly log: Log
  readonly isMember: (peer: PeerId) => boolean
  /** Something changed: the others are told. */
  readonly tell: () => void
}

/**
 * When roles get new keys: after so many days, or as somebody who could read them may not any more. What is due follows
 * from the plan and the registry alone, and each rotation is asked for by the key version that it replaces: whoever
 * carries it out, however often it is begun, a cause leads to one.
 */
export class RotationDesk {
  readonly #parts: RotationDeskParts
  #plan: RotationPlan = noRotations

  constructor(parts: RotationDeskParts) {
    this.#parts = parts
  }

  /** Days that keys last where nothing else is said of a role; null: for ever. */
  get everyDays(): number | null {
    return this.#plan.everyDays
  }

  /** As it was when the register was last read. */
  rotations(): readonly DueRotation[] {
    return rotationsOf(this.#plan, this.#parts.book.registry)
  }

  /** @throws SlurpError QUORUM_UNREACHED, INTEGRITY_FAILED, FORMAT_UNKNOWN. */
  async refresh(): Promise<void> {
    const found = await this.#parts.register.read(attemptMs)
    this.#plan = found === null ? noRotations : decodePlan(found.body)
  }

  /** @param role - null: every role that has no number of days of its own. @throws SlurpError USAGE, ROLE_UNKNOWN, QUORUM_UNREACHED. */
  async schedule(role: RoleName | null, days: number | null): Promise<void> {
    const isThere = this.rotations().some(({ newest }) => newest.name === role)
    if (role !== null && !isThere)
      throw new SlurpError('ROLE_UNKNOWN', 'This fleet has no such role, or uses it no more.', {
        hint: '`slurp role ls` lists the roles.',
      })
    await this.#change(plan => withSchedule(plan, role, days))
    this.#parts.tell()
  }

  /** Names of the roles in use among these. @param member - only those that this member is entitled to. */
  affected(roles: 'any' | readonly string[], member: PeerId | null): readonly string[] {
    const entitled = member === null ? null : entitledTo(this.#parts.book.registry, member)
    return this.rotations()
      .map(({ newest }) => newest.name)
      .filter(name => roles === 'any' || roles.includes(name))
      .filter(name => entitled === null || entitled.includes(name))
  }

  /**
   * Has the keys of these roles replaced that are in force now.
   *
   * @param cause - the same cause asks once.
   * @throws SlurpError QUORUM_UNREACHED.
   */
  async ask(roles: readonly string[], cause: string): Promise<void> {
    await this.#parts.book.agree()
    const newest = this.rotations()
      .map(each => each.newest)
      .filter(({ name }) => roles.includes(name))
    await this.#change(plan => withAsked(plan, newest, cause))
    this.#parts.tell()
  }

  /** Rotates what is due: here what this peer can open, the rest at peers that can. @throws SlurpError as `Rotation.rotate`. */
  async rotateDue(): Promise<void> {
    await this.refresh()
    if (this.due().length === 0) return
    await this.rotateMine()
    const { exchange, book, isMember, self } = this.#parts
    const entitled = new Set(book.registry.entitlements.map(({ peer }) => peer))
    for (const peer of entitled) {
      if (this.due().length === 0) return
      if (peer === self.peerId || !isMember(peer) || !exchange.isConnected(peer)) continue
      await exchange.ask(peer, encodeQuestion({ kind: 'rotate' }), delegateMs)
      await book.refresh()
    }
  }

  /** For another peer. @returns why nothing was rotated; bytes when all that is due and open here was. */
  async rotateFor(): Promise<Answered> {
    await this.refresh()
    await this.rotateMine()
    return new Uint8Array(0)
  }

  /** Each by itself: what one role lacks does not keep the others. @throws SlurpError of the last that could not be rotated. */
  async rotateMine(): Promise<void> {
    const { book, collector, rotation, log, tell } = this.#parts
    await book.agree()
    let failed: SlurpError | null = null
    for (const { newest } of this.due()) {
      if (collector.keyOf(newest) === null) continue
      try {
        await rotation.rotate(newest.name, { onlyFrom: newest.keyVersion })
        tell()
      } catch (failure) {
        if (!(failure instanceof SlurpError)) throw failure
        // Another one was faster: what was due is done.
        if (failure.code === 'VERSION_CONFLICT') continue
        log.warn({ role: newest.name, failure: failure.message }, 'a role that is due could not be rotated')
        failed = failure
      }
    }
    if (failed !== null) throw failed
  }

  /** What is to be rotated now, as the register said when it was last read. */
  due(): readonly DueRotation[] {
    const nowMs = this.#parts.clock.wallMs()
    return this.rotations().filter(({ dueMs }) => dueMs !== null && dueMs <= nowMs)
  }

  async #change(change: (plan: RotationPlan) => RotationPlan): Promise<void> {
    const { register } = this.#parts
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const found = await register.read(attemptMs)
      const plan = change(found === null ? noRotations : decodePlan(found.body))
      const wanted = encodePlan(plan)
      const isThere = found !== null && sameBytes(wanted, found.body)
      if (isThere || (await register.swap(found?.version ?? null, wanted, attemptMs))) {
        this.#plan = plan
        return
      }
    }
    throw new SlurpError(
      'QUORUM_UNREACHED',
      'The control group of the fleet did not agree in time; the outcome is unknown.',
      { hint: 'Look with `slurp role ls`, then ask again: asking twice does no harm.' },
    )
  }
}
