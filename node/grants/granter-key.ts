import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import { openDelegateKey } from '../../crypto/grants/delegate-key.ts'
import { granterKeyFile } from '../../crypto/grants/first-grants.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'
import type { SigningKeyPort } from './grant-signer.ts'

/** The key that signs grants of agents, sealed to the one agent that grants in a fleet of blind members; others have none. */
export function granterKey(dir: string, identity: SigningKey): SigningKeyPort {
  const path = join(dir, granterKeyFile)
  const isHere = () => existsSync(path)
  return {
    isHere,
    async signer() {
      if (isHere()) return await openDelegateKey(path, identity)
      throw new SlurpError('SEALED', 'This agent does not hold the key that signs grants.', {
        hint: 'Ask the door of a peer that holds roles; `slurp status` shows which.',
      })
    },
  }
}
