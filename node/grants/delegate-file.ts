import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import { openDelegateKey } from '../../crypto/grants/delegate-key.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'
import type { SigningKeyPort } from './grant-signer.ts'

/** The key that signs grants, sealed to this peer's own key in `delegate.age`: peers without roles have none. */
export function delegateFile(dir: string, identity: SigningKey): SigningKeyPort {
  const path = join(dir, 'delegate.age')
  const isHere = () => existsSync(path)
  return {
    isHere,
    async signer() {
      if (isHere()) return await openDelegateKey(path, identity)
      throw new SlurpError('SEALED', 'This peer does not hold the key that signs grants.', {
        hint: 'Ask the door of a peer that holds roles; `slurp status` shows which.',
      })
    },
  }
}
