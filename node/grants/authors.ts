import { isControlKey, type PeerId } from '../../base/ids.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import type { GrantKeeper } from './grant-keeper.ts'

/**
 * Who may have written an envelope: members of now and of before, and agents by the grant that the envelope names. What the
 * fleet agrees on about itself is written by members only.
 */
export const authorsOf = (
  { grants, judge, agents }: Pick<GrantKeeper, 'grants' | 'judge' | 'agents'>,
  isMember: (peer: PeerId) => boolean,
) => ({
  isAuthor: (peer: PeerId): boolean => isMember(peer) || agents.isAgent(peer),
  isGranted(header: EnvelopeHeader, isFresh: boolean): boolean {
    // First: a grant that is not known here is noted as missing, and fetched.
    if (!judge.isGranted(header, isFresh)) return false
    if (isMember(header.author)) return true
    if (header.grant === null || isControlKey(header.key)) return false
    return grants.get(header.grant)?.chain.grant.subjectKind === 'agent'
  },
})
