import { SlurpError } from '../../base/errors.ts'
import type { RoleName } from '../../base/ids.ts'
import type { RoleKey, RoleRecipient } from '../../crypto/roles.ts'
import type { IndexConfiguration } from '../search/engine/configuration.ts'
import { SearchHost } from '../search/search-host.ts'
import { sealed } from '../store/role-access.ts'
import type { StoreDesk } from '../store/store-desk.ts'
import type { IndexSight } from './index-document.ts'
import { type FeedState, IndexFeed } from './index-feed.ts'
import type { ContextChanges, LocalContexts } from './ports.ts'

export type IndexKeeperParts = {
  /** Folder of the index. */
  readonly dir: string
  /** 32 bytes that only this process can make. */
  readonly bindingSecret: Uint8Array
  readonly desk: StoreDesk
  readonly changes: ContextChanges
  readonly local: LocalContexts
  readonly indexes?: readonly IndexConfiguration[]
  /** Left out: all that the roles of this process open is indexed. */
  readonly sees?: IndexSight
  /** Something went wrong with the index, which is tried again. */
  readonly failed: (failure: unknown) => void
}

/** `blind`: no role, so nothing to index. `opening`: what lies on the disk is read. `failed`: it is tried again soon. */
export type IndexPhase = 'blind' | 'sealed' | 'opening' | FeedState['phase'] | 'failed'

type Open = { readonly host: SearchHost; readonly feed: IndexFeed; readonly ended: Promise<void> }

const lookEveryMs = 1_000
const againMs = 5_000

/**
 * The index of this process: there while its keys are, made anew when they change, gone from memory when they go. While
 * keys are only on their way nothing is opened: what they open would be taken for lost.
 */
export class IndexKeeper {
  readonly #parts: IndexKeeperParts
  #open: Open | null = null
  #phase: 'blind' | 'sealed' | 'opening' | 'failed' = 'sealed'
  /** Names the keys that the index is open with; null: it is not. */
  #keysOpen: string | null = null
  #recipients: readonly RoleRecipient[] = []
  #turn: Promise<void> = Promise.resolve()
  #notBeforeMs = 0
  #cancel: () => void = () => undefined
  #isStopped = false

  constructor(parts: IndexKeeperParts) {
    this.#parts = parts
  }

  /** Looks for keys now and every second. */
  start(): void {
    if (this.#isStopped) return
    this.#cancel()
    this.#look()
    const { clock } = this.#parts.desk.parts
    this.#cancel = clock.at(clock.monotonicMs() + lookEveryMs, () => this.start())
  }

  /** @throws SlurpError SEALED, SHUTTING_DOWN while there is none. */
  get host(): SearchHost {
    if (this.#open !== null && this.#keysOpen !== null) return this.#open.host
    const { keys } = this.#parts.desk.parts
    if (this.#isStopped) throw new SlurpError('SHUTTING_DOWN', 'The search of this process has ended.')
    if (this.phase === 'blind')
      throw new SlurpError('SEALED', 'This peer is blind: it holds no role, and can search nothing.', {
        hint: 'Ask the door of a peer that holds roles; `slurp status` at a door shows which it holds.',
      })
    if (keys.sealedWhy !== null) throw sealed(keys.sealedWhy)
    throw new SlurpError('SEALED', 'The search index of this peer is being opened.', {
      hint: '`slurp index stats` shows how far it is; ask again, or another peer with --url.',
    })
  }

  get feed(): IndexFeed | null {
    return this.#keysOpen === null ? null : (this.#open?.feed ?? null)
  }

  get phase(): IndexPhase {
    return this.feed?.state().phase ?? this.#phase
  }

  /** Roles whose contexts are in the index. */
  get roles(): readonly RoleName[] {
    return this.feed === null ? [] : this.#parts.desk.parts.keys.heldRoles
  }

  /** The keys are gone: nothing that they opened stays in memory. */
  forget(): void {
    this.#keysOpen = null
    this.#phase = 'sealed'
    this.#inTurn(() => this.#close(false))
  }

  /** What is in memory only is written, sealed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    this.#keysOpen = null
    this.#inTurn(() => this.#close(true))
    await this.#turn
  }

  #look(): void {
    const { desk } = this.#parts
    const wanted = this.#wantedKeys()
    const { roles } = desk.parts.fleet
    if (desk.parts.clock.monotonicMs() < this.#notBeforeMs) return
    if (wanted === this.#keysOpen && (wanted === null || roles === this.#recipients)) return
    this.#keysOpen = wanted
    this.#recipients = roles
    this.#inTurn(async () => {
      await this.#close(true)
      if (wanted !== null && wanted === this.#keysOpen && !this.#isStopped) await this.#openWith(roles)
    })
  }

  /** Null while there are none, or not all. */
  #wantedKeys(): string | null {
    const { keys, fleet } = this.#parts.desk.parts
    if (this.#open === null && this.#phase !== 'failed') {
      this.#phase = keys.sealedWhy !== null ? 'sealed' : keys.heldRoles.length === 0 ? 'blind' : 'opening'
    }
    if (keys.sealedWhy !== null || keys.heldRoles.length === 0) return null
    return keysOf(fleet.roles, keys.identitiesOf.bind(keys))
      .map(({ name, keyVersion }) => `${name}/${keyVersion}`)
      .join()
  }

  async #openWith(recipients: readonly RoleRecipient[]): Promise<void> {
    const { dir, bindingSecret, desk, changes, local, indexes, sees } = this.#parts
    const { keys } = desk.parts
    const roleKeys = keysOf(recipients, keys.identitiesOf.bind(keys))
    const more = indexes === undefined ? {} : { indexes }
    const host = await SearchHost.start({ dir, bindingSecret, roleKeys, recipients, ...more })
    const feed = new IndexFeed({ index: host, changes, local, desk, sees })
    const ended = feed.run().catch(failure => this.#feedEnded(host, failure))
    this.#open = { host, feed, ended }
  }

  /** What a feed that was closed still says is no failure. */
  #feedEnded(host: SearchHost, failure: unknown): void {
    if (this.#open?.host !== host || this.#keysOpen === null) return
    this.#fail(failure)
    this.#inTurn(() => this.#close(false))
  }

  #fail(failure: unknown): void {
    const { clock } = this.#parts.desk.parts
    if (!(failure instanceof SlurpError && failure.code === 'SEALED')) this.#parts.failed(failure)
    this.#phase = 'failed'
    this.#keysOpen = null
    this.#notBeforeMs = clock.monotonicMs() + againMs
  }

  async #close(storing: boolean): Promise<void> {
    const open = this.#open
    if (open === null) return
    this.#open = null
    open.feed.close()
    try {
      await open.host.close(storing)
    } catch (failure) {
      this.#parts.failed(failure)
    }
    await open.ended
  }

  /** One after the other: two never have the folder open. */
  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).catch(failure => this.#fail(failure))
  }
}

const keysOf = (
  recipients: readonly RoleRecipient[],
  identitiesOf: (name: RoleName, keyVersion: number) => readonly RoleKey['identity'][],
): RoleKey[] =>
  recipients.flatMap(({ name, keyVersion }) =>
    identitiesOf(name, keyVersion).map(identity => ({ name, keyVersion, identity })),
  )
