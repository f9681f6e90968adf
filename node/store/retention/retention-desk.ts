import { SlurpError } from '../../../base/errors.ts'
import { openForFleet, sealForFleet } from '../../../crypto/fleet-sealing.ts'
import { Deadline } from '../deadline.ts'
import { sealed } from '../role-access.ts'
import { StoreDesk, type StoreParts } from '../store-desk.ts'
import type { Retention, RetentionList, RetentionPreview, RetentionRule } from './api.ts'
import { HistoryKeeper, newTally, type WalkPlace, type WalkTally } from './keeper.ts'
import type { LocalHistories, SharedRegister } from './ports.ts'
import { projectName, RetentionRules } from './rules.ts'

export type RetentionParts = {
  readonly store: StoreParts
  readonly register: SharedRegister
  readonly local: LocalHistories
}

/** What one stretch of a walk came to, and where the next goes on; null: the walk is over. */
export type Stretch = { readonly tally: WalkTally; readonly next: WalkPlace | null }

const settingName = 'retention'
const changeMs = 10_000
const attemptMs = 2_000
const pauseMs = 60
/** A preview counts no longer than somebody waits for it. */
const previewMs = 20_000

/** The rules of retention of a fleet as a process with its secret sees them, and their application to what it has. */
export class RetentionDesk implements Retention {
  readonly #parts: RetentionParts
  readonly #keeper: HistoryKeeper

  constructor(parts: RetentionParts) {
    this.#parts = parts
    this.#keeper = new HistoryKeeper(new StoreDesk(parts.store), parts.local)
  }

  /** A blind peer knows no rule, and could not say which context one is for; nor can a sealed one now. */
  get isBlind(): boolean {
    const { fleetSecret, sealedWhy } = this.#parts.store.keys
    return fleetSecret === null || sealedWhy !== null
  }

  async list(): Promise<RetentionList> {
    return (await this.#read(attemptMs)).rules.list()
  }

  set(project: string | null, rule: RetentionRule): Promise<RetentionList> {
    return this.#change(project, rule)
  }

  unset(project: string | null): Promise<RetentionList> {
    return this.#change(project, null)
  }

  async preview(project: string | null, rule: RetentionRule | null): Promise<RetentionPreview> {
    const { rules } = await this.#read(attemptMs)
    const wanted = rules.with(project, rule)
    const name = project === null ? null : projectName(project)
    const { local, store } = this.#parts
    const mine = local.partitions()
    const isMeant = (each: string) => (name === null ? !wanted.projects.has(each) : each === name)
    const tally = newTally()
    const deadline = new Deadline(store.clock, previewMs)
    const stopped = await this.#keeper.count(wanted, isMeant, tally, () => deadline.leftMs > 0)
    const { trimmed: contexts, versions, untold, failed } = tally
    const partitions = mine.filter(each => stopped === null || each < stopped.partition).length
    const partitionsTotal = local.partitionsTotal()
    return { contexts, versions, untold: untold + failed, partitions, partitionsTotal }
  }

  /**
   * Applies the rules to the histories that this peer has and can open, from `from` on.
   *
   * @throws SlurpError as {@link list}, DiskFailure.
   */
  async apply(from: WalkPlace | null, goesOn: () => boolean): Promise<Stretch> {
    const { rules } = await this.#read(attemptMs)
    const tally = newTally()
    // Where everything is kept nothing has to be looked at.
    const next = rules.limits.length === 0 ? null : await this.#keeper.trim(rules, from, tally, goesOn)
    return { tally, next }
  }

  async #read(timeoutMs: number) {
    const { register, store } = this.#parts
    const secret = this.#secret()
    const found = await register.read(timeoutMs)
    if (found === null) return { version: null, rules: RetentionRules.none }
    const opened = await openForFleet(secret, store.fleet.id, settingName, found.body)
    return { version: found.version, rules: RetentionRules.decode(opened) }
  }

  /** After an outcome that nobody knows the rules are read again: what was set is found there, or set again. */
  async #change(project: string | null, rule: RetentionRule | null): Promise<RetentionList> {
    const { register, store } = this.#parts
    const secret = this.#secret()
    RetentionRules.none.with(project, rule)
    const deadline = new Deadline(store.clock, changeMs)
    for (; deadline.leftMs > 0; await deadline.pause(pauseMs)) {
      const found = await this.#read(Math.min(deadline.leftMs, attemptMs)).catch(unlessUnreached)
      if (found === null) continue
      const wanted = found.rules.with(project, rule)
      if (sameList(wanted, found.rules)) return wanted.list()
      const sealed = await sealForFleet(secret, store.fleet.id, settingName, wanted.encode())
      const timeoutMs = Math.max(1, Math.min(deadline.leftMs, attemptMs))
      if (await register.swap(found.version, sealed, timeoutMs)) return wanted.list()
    }
    throw new SlurpError(
      'QUORUM_UNREACHED',
      'The control group of the fleet did not agree in time; the outcome is unknown.',
      { hint: 'Look with `slurp retention ls`, then ask again: asking twice does no harm.' },
    )
  }

  #secret(): Uint8Array {
    const { fleetSecret, sealedWhy } = this.#parts.store.keys
    if (sealedWhy !== null) throw sealed(sealedWhy)
    if (fleetSecret === null)
      throw new SlurpError(
        'SEALED',
        'This peer is blind: the rules of retention name projects and are sealed.',
        {
          hint: 'Ask the door of a peer that holds roles; `slurp status` at a door shows which it holds.',
        },
      )
    return fleetSecret
  }
}

function unlessUnreached(thrown: unknown): null {
  if (thrown instanceof SlurpError && thrown.code === 'QUORUM_UNREACHED') return null
  throw thrown
}

const sameList = (a: RetentionRules, b: RetentionRules): boolean =>
  JSON.stringify(a.list()) === JSON.stringify(b.list())
