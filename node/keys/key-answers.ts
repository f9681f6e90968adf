import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { decodeEntitlement, encodeEntitlement } from '../../crypto/registry/registry-codec.ts'
import type { Dealer } from './dealer.ts'
import { encodeWork } from './due.ts'
import { redealtFor } from './redealing.ts'
import type { RegistryBook } from './registry-book.ts'
import { type ReplacingParts, replaceFor } from './replacing.ts'
import type { Resharing } from './resharing.ts'
import type { RotationDesk } from './rotation-desk.ts'
import type { ShareHolder } from './share-holder.ts'
import { type Answered, encodeQuestion, type KeyQuestion } from './wire.ts'

/** Entitlements that one question shows, at most: a peer has one, or one for each way that it came to some. */
const shownMax = 8

export type KeyAnswersParts = {
  readonly isMember: (peer: PeerId) => boolean
  /** Whether who is no member may change keys. */
  readonly mayChange: (agent: PeerId) => boolean
  readonly replacing: ReplacingParts
  readonly dealer: Pick<Dealer, 'holdersWanted' | 'outdated'>
  readonly recipient: string
  readonly book: RegistryBook
  readonly holder: ShareHolder
  readonly resharing: Resharing
  readonly rotations: RotationDesk
  /** Makes sure that the grants of who asks are known, where nothing of it is yet. */
  readonly meet: (peer: PeerId) => Promise<void>
  /** Looks at what the fleet agrees on; resolves when it has. Never rejects. */
  readonly look: () => Promise<void>
}

const ofAgents: ReadonlySet<KeyQuestion['kind']> = new Set(['recipient', 'keep', 'replace', 'due', 'redealt'])

/** What entitles a peer, until the register is known to say so: a holder may have heard nothing of it. Else null. */
export function entitledBy(book: RegistryBook, self: PeerId): Uint8Array | null {
  if (book.isShared) return null
  const own = book.registry.entitlements.filter(({ peer }) => peer === self)
  const entitlements = own.slice(-shownMax).map(encodeEntitlement)
  return entitlements.length === 0 ? null : encodeQuestion({ kind: 'entitled', entitlements })
}

/** What is to be done about keys, whoever can. */
async function workFor({ rotations, dealer }: KeyAnswersParts): Promise<Answered> {
  await rotations.refresh()
  return encodeWork({
    rotations: rotations.due().map(({ newest }) => newest),
    outdated: dealer.outdated(),
    holders: dealer.holdersWanted(),
  })
}

/** Why something was not done is an answer, too. */
async function orWhy(work: Promise<Answered>): Promise<Answered> {
  try {
    return await work
  } catch (failure) {
    if (failure instanceof SlurpError) return failure.message
    throw failure
  }
}

/** What this peer answers to a question about keys: one for each item. */
export async function answersTo(
  parts: KeyAnswersParts,
  from: PeerId,
  question: KeyQuestion,
): Promise<readonly Answered[]> {
  const { book, holder, resharing, rotations, recipient, isMember, meet, look } = parts
  const answers: Answered[] = []
  // Agents ask for shares; those that may change keys deal the next ones. They have no say in anything else.
  if (
    !isMember(from) &&
    !(ofAgents.has(question.kind) && parts.mayChange(from)) &&
    question.kind !== 'release'
  )
    return answers
  switch (question.kind) {
    case 'release':
      if (isMember(from)) await meet(from)
      for (const request of question.requests) answers.push(await holder.release(from, request))
      return answers
    case 'keep':
      for (const share of question.shares) answers.push(await holder.keep(from, share))
      return answers
    case 'recipient':
      return [recipient]
    case 'replace':
      return isMember(from) ? [] : [await orWhy(replaceFor(parts.replacing, from, question))]
    case 'due':
      return isMember(from) ? [] : [await orWhy(workFor(parts))]
    case 'redealt':
      return isMember(from) ? [] : [await orWhy(redealtFor(parts.replacing, from, question))]
    case 'changed':
      await look()
      return []
    case 'reshare':
      return [await orWhy(resharing.reshareFor())]
    case 'rotate':
      return [await orWhy(rotations.rotateFor())]
    case 'entitled':
      for (const shown of question.entitlements.slice(0, shownMax)) {
        const entitlement = decodeEntitlement(shown)
        if (entitlement.peer === from) await book.learn(entitlement)
      }
      return []
  }
}
