import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { encodeGrantFile } from '../crypto/grants/chain-text.ts'
import { grantFile } from '../crypto/grants/first-grants.ts'
import { openGrantChain } from '../crypto/grants/grant-chain.ts'
import { agentProofBytes, type JoinToken } from '../crypto/grants/join-token.ts'
import { loadIdentity } from '../crypto/identity.ts'
import { openNetworkKey, writeNetworkKey } from '../crypto/network-key.ts'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import type { AgentJoinRequest, AgentTicket } from './grants/api.ts'
import { writePrivately } from './peer-settings.ts'

const identityIn = (dir: string, passphrase?: PassphraseSource) =>
  loadIdentity(join(dir, 'identity.key'), passphrase)

/** What the agent in a directory says of itself as it shows a token. @throws SlurpError as `loadIdentity` does. */
export async function agentRequestIn(
  dir: string,
  token: JoinToken,
  passphrase?: PassphraseSource,
): Promise<AgentJoinRequest> {
  const identity = await identityIn(dir, passphrase)
  const { peerId: id } = identity
  const recipient = identity.ageRecipient.text
  const proof = Buffer.from(identity.sign(agentProofBytes(token, id, recipient))).toString('base64')
  return { id, recipient, proof }
}

/**
 * Writes what the fleet gave to the agent in a directory: `grant.json` and, in a private network, `network.key`.
 *
 * @throws SlurpError GRANT_INVALID when the grant is not of the fleet that the token names, INTEGRITY_FAILED when it is not for
 * this agent.
 */
export async function writeAgentTicket(
  dir: string,
  token: JoinToken,
  ticket: AgentTicket,
  passphrase?: PassphraseSource,
): Promise<void> {
  const identity = await identityIn(dir, passphrase)
  const { grant } = await openGrantChain(ticket.grant, token.authorityPublicKey)
  if (grant.subject !== identity.peerId || grant.subjectKind !== 'agent') {
    throw new SlurpError('INTEGRITY_FAILED', 'The grant that the fleet gave is not for this agent.')
  }
  if (ticket.networkKey !== undefined && !existsSync(join(dir, 'network.key'))) {
    const key = await openNetworkKey(Buffer.from(ticket.networkKey, 'base64'), identity)
    await writeNetworkKey(dir, key)
  }
  writePrivately(join(dir, grantFile), encodeGrantFile(ticket.grant))
}
