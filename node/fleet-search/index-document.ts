import { SlurpError } from '../../base/errors.ts'
import { hlcMs } from '../../base/hlc.ts'
import type { ContextKey, PartitionId, PeerId, RoleName } from '../../base/ids.ts'
import { shownOf } from '../../crypto/reseal.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { IndexDocument } from '../search/api.ts'
import { type Address, formatAddress, parseAddress } from '../store/address.ts'
import type { Context } from '../store/api.ts'
import type { StoreDesk } from '../store/store-desk.ts'
import { authorOf, contextFrom } from '../store/version-opener.ts'

/** Why a version is not in the index: it is not for this process, or was sealed without its address, or is damaged. */
export type Unindexed = 'closed' | 'nameless' | 'damaged'

/** What an index is for, where that is not all that the roles of its process open. */
export type IndexSight = (found: {
  readonly address: Address
  readonly roles: readonly RoleName[]
}) => boolean

/**
 * What the index keeps of a live version.
 *
 * @throws SlurpError SEALED when the keys are gone meanwhile.
 */
export async function indexDocumentOf(
  desk: StoreDesk,
  partition: PartitionId,
  key: ContextKey,
  record: VersionRecord,
  sees?: IndexSight,
): Promise<IndexDocument | Unindexed> {
  try {
    const header = desk.opener.prove(key, record)
    const { roles } = header
    const { author, version } = shownOf(header)
    const { place, json } = await desk.opener.textOf(key, record)
    if (place === null) return 'nameless'
    const address = parseAddress(place)
    const names = [...new Set(roles.map(({ name }) => name))] as RoleName[]
    if (sees?.({ address, roles: names }) === false) return 'closed'
    const context = contextFrom(json)
    return {
      ...namesOf(address, context),
      ...textsOf(context),
      key,
      version,
      address: formatAddress(address),
      partition,
      roles: names,
      writtenMs: hlcMs(version),
      createdMs: context.createdAt === undefined ? null : Date.parse(context.createdAt),
      author: authorOf(context, desk.parts.nameOf?.(author as PeerId) ?? author),
      // Nothing that was not signed by a member comes as far as here.
      signed: true,
      status: context.decision?.status ?? null,
      confidence: context.decision?.confidence ?? null,
    }
  } catch (thrown) {
    if (!(thrown instanceof SlurpError) || thrown.code === 'SEALED') throw thrown
    return thrown.code === 'ROLE_DENIED' ? 'closed' : 'damaged'
  }
}

/** The address says it, or where its part is `any` the context. */
function namesOf(address: Address, context: Context) {
  const named = (part: string, own: string | undefined) => (part === 'any' ? (own ?? null) : part)
  return {
    project: named(address.project, context.project),
    task: named(address.task, context.task),
    agent: named(address.agent, context.agent),
    path: address.path.join('/'),
  }
}

const textsOf = (context: Context) => ({
  tags: context.tags ?? [],
  technologies: context.technologies ?? [],
  title: context.title ?? '',
  summary: context.summary ?? '',
  purpose: context.purpose ?? '',
  insights: context.insights ?? [],
  content: context.content ?? '',
})
