import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ContextKey, RoleName, Version } from '../../base/ids.ts'
import { newRoleKey, type RoleKey } from '../../crypto/roles.ts'
import type { Change, IndexDocument } from '../../node/search/api.ts'
import { type IndexConfiguration, mainIndex } from '../../node/search/engine/configuration.ts'
import { SearchHost, type SearchHostOptions } from '../../node/search/search-host.ts'

export const developer = 'developer' as RoleName
export const architect = 'architect' as RoleName
export const security = 'security' as RoleName

/** One set of keys for all tests of a process: making them is slow. */
export const keys: readonly RoleKey[] = [developer, architect, security].map(name => newRoleKey(name))
export const recipients = keys.map(({ name, keyVersion, identity }) => ({
  name,
  keyVersion,
  recipient: identity.recipient.text,
}))
export const bindingSecret = new Uint8Array(randomBytes(32))

export const keyOf = (name: string): ContextKey =>
  createHash('sha256').update(name).digest('hex') as ContextKey
/** The version that a write at a millisecond has. */
export const versionAt = (ms: number): Version =>
  `${ms.toString(16).padStart(12, '0')}${'0'.repeat(12)}` as Version

/** A document with a name, at a time; whatever is not said is empty. */
export function documentOf(name: string, more: Partial<IndexDocument> = {}): IndexDocument {
  const writtenMs = more.writtenMs ?? 1000
  return {
    key: keyOf(name),
    version: versionAt(writtenMs),
    address: `ucxl://any:any@p:any/*^/${name}`,
    partition: 0,
    roles: [developer],
    writtenMs,
    createdMs: null,
    author: 'peer',
    signed: true,
    project: null,
    task: null,
    agent: null,
    path: null,
    status: null,
    confidence: null,
    tags: [],
    technologies: [],
    title: '',
    summary: '',
    purpose: '',
    insights: [],
    content: '',
    ...more,
  }
}

export const put = (name: string, more: Partial<IndexDocument> = {}): Change => ({
  kind: 'put',
  document: documentOf(name, more),
})

export const at = (sequence: number) => ({ source: 'test', sequence })

const started = new WeakMap<TestContext, SearchHost[]>()

export async function newDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'slurp-search-'))
  t.after(async () => {
    await Promise.all((started.get(t) ?? []).map(host => host.close(false)))
    await rm(dir, { recursive: true, force: true })
  })
  return join(dir, 'index')
}

/** A search in a folder that `newDir` made for the same test; it is closed after it if the test has not done so. */
export async function startSearch(
  t: TestContext,
  dir: string,
  more: Partial<SearchHostOptions> = {},
): Promise<SearchHost> {
  const host = await SearchHost.start({ dir, bindingSecret, roleKeys: keys, recipients, ...more })
  started.set(t, [...(started.get(t) ?? []), host])
  return host
}

/** A search with some changes in it. */
export async function searchWith(
  t: TestContext,
  changes: readonly Change[],
  indexes: readonly IndexConfiguration[] = [mainIndex],
): Promise<SearchHost> {
  const host = await startSearch(t, await newDir(t), { indexes })
  await host.apply(changes, at(changes.length))
  await host.noteComplete()
  return host
}

/** The last parts of the addresses of what a query finds, best first. */
export async function found(
  host: SearchHost,
  query: string,
  more: Partial<Parameters<SearchHost['search']>[0]> = {},
): Promise<string[]> {
  const { hits } = await host.search({ roles: [developer], query, limit: 100, ...more })
  return hits.map(({ address }) => address.split('/').at(-1)!)
}
