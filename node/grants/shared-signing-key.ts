import { SlurpError } from '../../base/errors.ts'
import { delegateKeyFrom } from '../../crypto/grants/delegate-key.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'
import type { SigningKeyPort } from './grant-signer.ts'

/** The key that signs grants, out of the shared secret `@signing`: there while this process has collected it, and no longer. */
export class SharedSigningKey implements SigningKeyPort {
  #secret: () => Uint8Array | null = () => null

  /** @param secret - 32 bytes, null while it is not open here. Until this is called, it never is. */
  follow(secret: () => Uint8Array | null): void {
    this.#secret = secret
  }

  isHere(): boolean {
    return this.#secret() !== null
  }

  async signer(): Promise<SigningKey> {
    const secret = this.#secret()
    if (secret !== null) return await delegateKeyFrom(secret)
    throw new SlurpError('SEALED', 'The key that signs grants is not open at this peer.', {
      hint: '`slurp key status` shows whether it is sealed; a blind peer never has it: ask the door of one with roles.',
    })
  }
}
