import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { encodeGrantFile, splitChain } from '../../crypto/grants/chain-text.ts'
import { sealDelegateKey } from '../../crypto/grants/delegate-key.ts'
import type { Identity } from '../../crypto/identity.ts'
import { writePrivately } from '../peer-settings.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { SigningKeyPort } from './grant-signer.ts'

/** Files of the new identity of a peer that lost its data, by those of the old one that they take the place of. */
export const handedOn = { 'delegate.age': 'delegate.age.next', 'grant.json': 'grant.json.next' } as const

/**
 * Makes ready what a peer's new identity is granted: the same as its old one. A peer that cannot sign asks the others
 * once it is a member; whoever was revoked gets nothing.
 *
 * @returns what the new identity may show already; empty where nothing could be signed.
 */
export async function handOnGrant(
  dir: string,
  keeper: GrantKeeper,
  key: SigningKeyPort,
  fresh: Identity,
  name: string,
): Promise<string> {
  for (const begun of Object.values(handedOn)) rmSync(join(dir, begun), { force: true })
  const { own } = keeper
  if (own === null || keeper.judge.isBarred(own.grant.subject) || !(await keeper.signer.isAble())) return ''
  const sealed = await sealDelegateKey(fresh.ageRecipient, await key.signer())
  writePrivately(join(dir, handedOn['delegate.age']), sealed)
  const text = await keeper.signer.signMember(fresh.peerId, name, null, own.grant.limits)
  writePrivately(join(dir, handedOn['grant.json']), encodeGrantFile(splitChain(text)))
  return text
}
