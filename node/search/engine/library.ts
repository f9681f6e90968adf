import { randomBytes } from 'node:crypto'
import { SlurpError } from '../../../base/errors.ts'
import type { RoleName } from '../../../base/ids.ts'
import type { RoleKey, RoleRecipient } from '../../../crypto/roles.ts'
import { Lexicon } from '../analysis/lexicon.ts'
import type { Checkpoint } from '../api.ts'
import type { Mark, MarkFile } from '../disk/mark.ts'
import type { PieceStore } from '../disk/piece-store.ts'
import { emptyManifest, ShelfDisk } from '../disk/shelf-disk.ts'
import { newShelfKey, openShelfKey, recipientOf } from '../disk/shelf-key.ts'
import { searchLimits } from '../limits.ts'
import { Catalog } from './catalog.ts'
import { fingerprintOf, type IndexConfiguration, identityOf } from './configuration.ts'
import { KeptShelf } from './kept-shelf.ts'
import { inSlices } from './slices.ts'

export type LibraryOptions = {
  readonly store: PieceStore
  readonly mark: MarkFile
  /** 32 bytes that this process alone has: binds the index to it. */
  readonly bindingSecret: Uint8Array
  /** The role keys that this process holds, all versions. */
  readonly roleKeys: readonly RoleKey[]
  /** The public keys of all roles of the fleet. */
  readonly recipients: readonly RoleRecipient[]
  readonly indexes: readonly IndexConfiguration[]
}

/** Shelves that were thrown away when the index was opened, and why. */
export type Losses = { damaged: number; lostRoles: number }

/** All catalogs with their place on disk: opens them, makes and drops shelves, knows what may be missing. */
export class Library {
  readonly catalogs: readonly Catalog[]
  /** One for all shelves: most words occur in many of them. */
  readonly lexicon = new Lexicon()
  readonly losses: Losses = { damaged: 0, lostRoles: 0 }
  readonly #options: LibraryOptions
  #mark: Mark

  private constructor(options: LibraryOptions, mark: Mark) {
    this.#options = options
    this.#mark = mark
    this.catalogs = options.indexes.map(configuration => new Catalog(configuration))
  }

  /** Opens what is whole, and throws the rest away: then `checkpoint` says that all must be fed again. */
  static async open(options: LibraryOptions): Promise<Library> {
    const found = await options.mark.read()
    const mark = found ?? emptyMark()
    const roles = [...new Set(options.roleKeys.map(({ name }) => name))].sort()
    const wanted = options.indexes.map(identityOf)
    const known = wanted.filter(identity => mark.indexes.includes(identity))
    const gained = roles.some(role => !mark.roles.includes(role)) || known.length === 0
    const incomplete = mark.incomplete || gained
    // Of a whole index a new one is made beside it; else both are fed.
    const indexes = (incomplete ? wanted : known).sort()
    const library = new Library(options, { ...mark, roles, indexes, incomplete })
    for (const catalog of library.catalogs) {
      const identity = identityOf(catalog.configuration)
      catalog.filling = !indexes.includes(identity)
    }
    for (const id of Object.keys(mark.shelves)) await library.#load(id, mark.shelves[id]!, known)
    for (const id of await ShelfDisk.ids(options.store)) {
      if (library.#mark.shelves[id] === undefined) await ShelfDisk.erase(options.store, id)
    }
    await library.#writeMark()
    return library
  }

  get all(): readonly { catalog: Catalog; kept: KeptShelf }[] {
    return this.catalogs.flatMap(catalog => catalog.kept.map(kept => ({ catalog, kept })))
  }

  get complete(): boolean {
    return !this.#mark.incomplete
  }

  /** One that has everything, to make others of. */
  get source(): Catalog {
    return this.catalogs.find(({ filling }) => !filling)!
  }

  /** An index has all that the others have. */
  async noteFilled(catalog: Catalog): Promise<void> {
    catalog.filling = false
    const indexes = [...this.#mark.indexes, identityOf(catalog.configuration)].sort()
    this.#mark = { ...this.#mark, indexes }
    await this.#writeMark()
  }

  /** Where the feed goes on; null: at the beginning. */
  get checkpoint(): Checkpoint | null {
    if (this.#mark.incomplete) return null
    const all = this.all.map(({ kept }) => kept.checkpoint)
    const [first] = all
    if (first === undefined) return this.#mark.checkpoint
    if (all.some(one => one === null || one.source !== first?.source)) return null
    return (all as Checkpoint[]).reduce((least, one) => (one.sequence < least.sequence ? one : least))
  }

  holds(role: RoleName): boolean {
    return this.#mark.roles.includes(role)
  }

  /** The feed has handed in everything up to now. */
  async noteComplete(checkpoint: Checkpoint | null): Promise<void> {
    this.#mark = { ...this.#mark, incomplete: false, checkpoint }
    await this.#writeMark()
  }

  async noteIncomplete(): Promise<void> {
    this.#mark = { ...this.#mark, incomplete: true }
    await this.#writeMark()
  }

  /** What was found damaged is dropped; the feed has to begin anew. */
  async drop(catalog: Catalog, kept: KeptShelf): Promise<void> {
    this.losses.damaged++
    this.#mark = { ...this.#mark, incomplete: true }
    await this.#remove(catalog, kept)
  }

  /** The shelf of these roles, made if there is none. */
  async ensureShelf(catalog: Catalog, roles: readonly RoleName[]): Promise<KeptShelf> {
    const known = catalog.shelfFor(roles)
    if (known !== null) return known
    if (this.all.length >= searchLimits.shelvesMax) {
      throw new SlurpError(
        'TOO_MANY',
        `Contexts are sealed to more than ${searchLimits.shelvesMax} sets of roles.`,
      )
    }
    const kept = await this.newShelf(catalog, roles)
    // In the mark first: a shelf that it does not know is taken for one that was put back.
    this.#mark = { ...this.#mark, shelves: { ...this.#mark.shelves, [kept.disk.id]: 0 } }
    await this.#writeMark()
    await kept.disk.create()
    catalog.kept.push(kept)
    return kept
  }

  /** A shelf under a new key, not on disk and in no catalog yet. */
  async newShelf(catalog: Catalog, roles: readonly RoleName[]): Promise<KeptShelf> {
    const { configuration } = catalog
    const { store, recipients, bindingSecret } = this.#options
    const sorted = [...new Set(roles)].sort()
    const key = await newShelfKey(configuration.name, sorted, recipients, bindingSecret)
    const manifest = emptyManifest(fingerprintOf(configuration), this.checkpoint)
    const disk = new ShelfDisk(store, randomBytes(8).toString('hex'), key, manifest)
    return new KeptShelf(disk, this.lexicon)
  }

  /** A shelf that was to take the place of another is not wanted any more. */
  async discard(catalog: Catalog, fresh: KeptShelf): Promise<void> {
    catalog.kept.splice(catalog.kept.indexOf(fresh), 1)
    await ShelfDisk.erase(this.#options.store, fresh.disk.id)
  }

  /** A filled shelf takes the place of another, which is erased. */
  async swap(catalog: Catalog, old: KeptShelf, by: KeptShelf): Promise<void> {
    by.hidden = false
    catalog.kept.splice(catalog.kept.indexOf(old), 1)
    const { [old.disk.id]: _, ...shelves } = this.#mark.shelves
    this.#mark = { ...this.#mark, shelves: { ...shelves, [by.disk.id]: by.disk.manifest.generation } }
    await this.#writeMark()
    await ShelfDisk.erase(this.#options.store, old.disk.id)
  }

  /** Whether it was made with another configuration or for keys that were replaced since. */
  isStale(catalog: Catalog, kept: KeptShelf): boolean {
    return (
      kept.disk.manifest.configuration !== fingerprintOf(catalog.configuration) ||
      kept.disk.header.roles.some(
        ({ name, keyVersion }) => recipientOf(name, this.#options.recipients).keyVersion > keyVersion,
      )
    )
  }

  /** To be called after every manifest. */
  async noteGeneration(kept: KeptShelf): Promise<void> {
    if (kept.hidden) return
    const { id, manifest } = kept.disk
    this.#mark = {
      ...this.#mark,
      shelves: { ...this.#mark.shelves, [id]: manifest.generation },
      checkpoint: this.checkpoint ?? this.#mark.checkpoint,
    }
    await this.#writeMark()
  }

  /** @param known - indexes of which something is there: of others it is an attempt that did not come to its end. */
  async #load(id: string, generation: number, known: readonly string[]): Promise<void> {
    try {
      const header = this.#options.store.get(ShelfDisk.headerKey(id))
      if (header === null) throw new SlurpError('INTEGRITY_FAILED', 'A shelf is missing.')
      const { roleKeys, bindingSecret } = this.#options
      const identities = roleKeys.map(({ identity }) => identity)
      const opened = await openShelfKey(header, identities, bindingSecret)
      const { index, roles } = opened.header
      const catalog = this.catalogs.find(({ configuration }) => configuration.name === index)
      if (catalog === undefined || !known.includes(identityOf(catalog.configuration))) return this.#forget(id)
      if (opened.key !== null)
        return await this.#read(catalog, ShelfDisk.open(this.#options.store, id, opened, generation))
      this.#forget(id)
      // Who still has the role has lost a key version of it only: what was in the shelf is sealed to a later one by now.
      if (roles.some(({ name }) => this.holds(name))) this.#mark = { ...this.#mark, incomplete: true }
      else this.losses.lostRoles++
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown
      this.losses.damaged++
      this.#forget(id)
      this.#mark = { ...this.#mark, incomplete: true }
    }
  }

  /** @throws SlurpError INTEGRITY_FAILED; then nothing of it is in the catalog. */
  async #read(catalog: Catalog, disk: ShelfDisk): Promise<void> {
    const kept = new KeptShelf(disk, this.lexicon)
    catalog.kept.push(kept)
    try {
      await this.#fill(catalog, kept)
    } catch (thrown) {
      catalog.kept.splice(catalog.kept.indexOf(kept), 1)
      throw thrown
    }
  }

  async #fill(catalog: Catalog, kept: KeptShelf): Promise<void> {
    const { disk } = kept
    const { words, tables } = kept.shelf
    for (const stored of disk.manifest.segments) {
      const segment = await inSlices(disk.readSegment(stored, words, tables))
      kept.shelf.replace([], [segment])
    }
    let missing: Parameters<Catalog['replay']>[2] = []
    for (const { ops, checkpoint } of await disk.log()) {
      missing = catalog.replay(kept, ops, missing)
      if (checkpoint !== null) kept.checkpoint = checkpoint
    }
    const replaced = (key: string, version: string) =>
      catalog.configuration.history === false && catalog.hasAbove(key, version)
    if (missing.some(({ key, version }) => !replaced(key, version))) {
      throw new SlurpError('INTEGRITY_FAILED', 'A record of the index is missing.')
    }
    await disk.tidy()
  }

  async #remove(catalog: Catalog, kept: KeptShelf): Promise<void> {
    const place = catalog.kept.indexOf(kept)
    if (place >= 0) catalog.kept.splice(place, 1)
    this.#forget(kept.disk.id)
    await this.#writeMark()
    await ShelfDisk.erase(this.#options.store, kept.disk.id)
  }

  #forget(id: string): void {
    const { [id]: _, ...shelves } = this.#mark.shelves
    this.#mark = { ...this.#mark, shelves }
  }

  #writeMark(): Promise<void> {
    return this.#options.mark.write(this.#mark)
  }
}

/** Also what Level says of a block with a wrong checksum. */
export const isDamage = (thrown: unknown): boolean =>
  (thrown instanceof SlurpError && thrown.code === 'INTEGRITY_FAILED') ||
  ['LEVEL_CORRUPTION', 'LEVEL_IO_ERROR'].includes(String((thrown as { code?: unknown } | null)?.code))

const emptyMark = (): Mark => ({
  format: 1,
  shelves: {},
  roles: [],
  indexes: [],
  incomplete: true,
  checkpoint: null,
})
