import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { joinChain, splitChain } from '../../crypto/grants/chain-text.ts'
import { type GrantChain, openDelegate, signGrant } from '../../crypto/grants/grant-chain.ts'
import {
  type Delegate,
  type Grant,
  type GrantId,
  grantMsMax,
  type Limits,
} from '../../crypto/grants/grant-shape.ts'
import {
  memberLimits,
  membershipIdOf,
  signMembership,
  type Validity,
  validFrom,
} from '../../crypto/grants/membership.ts'
import { signRevocations } from '../../crypto/grants/revocations.ts'
import { ed25519From, isSignedWith } from '../../crypto/peer-keys.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'
import type { GrantBook } from './grant-book.ts'
import type { Judge } from './judge.ts'
import type { RevocationBook, RevocationText } from './revocation-book.ts'

/** Where the key that signs grants comes from. */
export interface SigningKeyPort {
  /** Whether it can be had here now. */
  isHere(): boolean
  /** For one signature: whoever asked wipes it then. @throws SlurpError SEALED when it cannot be had now. */
  signer(): Promise<SigningKey>
}

export type SignerParts = {
  readonly fleet: FleetId
  readonly authorityPublicKey: Uint8Array
  readonly key: SigningKeyPort
  readonly grants: GrantBook
  readonly revocations: RevocationBook
  readonly judge: Judge
}

type Issuer = { readonly key: SigningKey; readonly delegate: Delegate; readonly text: string }

/** What of a grant is said by who asks for it; the rest follows. */
export type GrantWish = Pick<Grant, 'id' | 'subjectKind' | 'subject' | 'name' | 'bearer' | 'limits'> & {
  readonly ttlMs: number
}

const vouchPurpose = 'slurp/v1/vouched for by who grants'

const vouched = (kind: Grant['subjectKind'], said: string): Uint8Array =>
  Buffer.from(`${vouchPurpose}\0${kind}\0${said}`)

/** @throws SlurpError SEALED. */
function refuseKind({ subjectKinds }: Delegate, kind: Grant['subjectKind']): void {
  if (subjectKinds.includes(kind)) return
  throw new SlurpError('SEALED', 'The key that signs grants here is not for grants of this kind.', {
    hint: 'All members are blind: `slurp agent --dir DIR/granter` opens the door that grants to agents.',
  })
}

/** Signs grants and revocations with the key that the fleet uses from day to day. */
export class GrantSigner {
  readonly #parts: SignerParts

  constructor(parts: SignerParts) {
    this.#parts = parts
  }

  /** Whether this peer has the key, and a certificate of it that is in force. */
  async isAble(): Promise<boolean> {
    if (!this.#parts.key.isHere()) return false
    try {
      await this.certificate()
      return true
    } catch (thrown) {
      if (thrown instanceof SlurpError && thrown.code === 'SEALED') return false
      throw thrown
    }
  }

  /** The certificate by which this fleet signs now. @throws SlurpError SEALED. */
  async certificate(): Promise<{ readonly text: string; readonly delegate: Delegate }> {
    return await this.#asIssuer(undefined, async ({ text, delegate }) => ({ text, delegate }))
  }

  /**
   * @param atMs - from when on it is valid; now when left out.
   * @returns a chain as one text.
   * @throws SlurpError SEALED, CONFIG_INVALID.
   */
  async sign({ ttlMs, ...wish }: GrantWish, atMs = this.#parts.judge.nowMs): Promise<string> {
    return await this.#asIssuer(undefined, async ({ key, delegate, text }) => {
      refuseKind(delegate, wish.subjectKind)
      const times = this.#validFrom(delegate, atMs, ttlMs)
      return joinChain({ delegate: text, grant: await signGrant(key, delegate, { ...wish, ...times }) })
    })
  }

  /**
   * Signs something that only who may grant can have said, for whoever grants by it later.
   *
   * @returns base64.
   * @throws SlurpError SEALED.
   */
  vouch(kind: Grant['subjectKind'], said: string): Promise<string> {
    return this.#asIssuer(undefined, async ({ key, delegate }) => {
      refuseKind(delegate, kind)
      return Buffer.from(key.sign(vouched(kind, said))).toString('base64')
    })
  }

  /** Whether the key by which this fleet signs now vouched for it. @throws SlurpError SEALED. */
  isVouched(kind: Grant['subjectKind'], said: string, signature: string): Promise<boolean> {
    return this.#asIssuer(undefined, async ({ key, delegate }) => {
      refuseKind(delegate, kind)
      return isSignedWith(ed25519From(key.publicKey), vouched(kind, said), Buffer.from(signature, 'base64'))
    })
  }

  /**
   * @param before - what it has: the same is signed again.
   * @param certificate - by which to sign; the newest that is known when left out.
   */
  async signMember(
    peer: PeerId,
    name: string,
    before: GrantChain | null,
    limits: Limits = before?.grant.limits ?? memberLimits(false),
    certificate?: string,
  ): Promise<string> {
    return await this.#asIssuer(certificate, async ({ key, delegate, text }) => {
      const id = before?.grant.id ?? membershipIdOf(this.#parts.fleet, peer)
      const times = this.#validFrom(delegate, this.#parts.judge.nowMs, grantMsMax)
      const grant = await signMembership(key, delegate, { peer, name, limits, id }, times)
      return joinChain({ delegate: text, grant })
    })
  }

  /** What a key gave before the authority cut it off counts no more: nothing is signed as of before that. */
  #validFrom(delegate: Delegate, nowMs: number, ttlMs: number): Validity {
    const cutOffs = this.#parts.revocations.known.flatMap(({ list }) => list.cutOffs)
    const cutMs = cutOffs.filter(cut => cut.delegate === delegate.id).map(cut => cut.beforeMs)
    return validFrom(delegate, nowMs, ttlMs, Math.max(0, ...cutMs))
  }

  /**
   * Signs a list of all that this key has revoked up to now, and these.
   *
   * @throws SlurpError SEALED; GRANT_INVALID when another key signed the grant, whose grants are not this one's to revoke.
   */
  revoke(chain: GrantChain, fromMs: number): Promise<RevocationText> {
    return this.#asIssuer(undefined, issuer => this.#revoke(issuer, chain, fromMs))
  }

  async #revoke({ key, delegate, text }: Issuer, chain: GrantChain, fromMs: number): Promise<RevocationText> {
    if (chain.grant.issuer !== delegate.id) {
      throw new SlurpError('GRANT_INVALID', 'This grant was signed by another key than the one in use.', {
        hint: 'The authority revokes it: `slurp grant delegate --help`.',
      })
    }
    const mine = this.#parts.revocations.known.filter(({ list }) => list.signer === delegate.id)
    const from = new Map<GrantId, number>()
    for (const each of [...mine.flatMap(({ list }) => list.revoked), { id: chain.grant.id, fromMs }]) {
      from.set(each.id, Math.min(each.fromMs, from.get(each.id) ?? each.fromMs))
    }
    const revoked = [...from].map(([id, at]) => ({ id, fromMs: at })).sort((a, b) => (a.id < b.id ? -1 : 1))
    const version = 1 + Math.max(0, ...mine.map(({ list }) => list.version))
    const list = { signer: delegate.id, version, issuedAtMs: this.#parts.judge.nowMs, revoked, cutOffs: [] }
    return { text: await signRevocations(key, this.#parts.fleet, list), delegate: text }
  }

  /** Signs as the fleet does now; the key is in memory for as long as that takes. */
  async #asIssuer<T>(certificate: string | undefined, sign: (issuer: Issuer) => Promise<T>): Promise<T> {
    const key = await this.#parts.key.signer()
    try {
      return await sign(await this.#issuer(key, certificate))
    } finally {
      key.wipe()
    }
  }

  /** The newest certificate of the key that is here, as the grants that are known carry it. */
  async #issuer(key: SigningKey, certificate?: string): Promise<Issuer> {
    if (certificate !== undefined) {
      const delegate = await openDelegate(certificate, this.#parts.authorityPublicKey)
      return { key, delegate, text: certificate }
    }
    const publicKey = Buffer.from(key.publicKey).toString('hex')
    let newest: { readonly chain: GrantChain; readonly text: string } | null = null
    for (const known of this.#parts.grants.all()) {
      if (known.chain.delegate.publicKey !== publicKey) continue
      if (newest === null || newest.chain.delegate.expiresMs < known.chain.delegate.expiresMs) newest = known
    }
    if (newest === null || this.#parts.judge.nowMs >= newest.chain.delegate.expiresMs) {
      throw new SlurpError(
        'SEALED',
        'The certificate of the key that signs grants is missing or has ended.',
        {
          hint: 'Whoever holds the authority renews it: `slurp grant delegate`.',
        },
      )
    }
    const { delegate } = splitChain(newest.text)
    return { key, delegate: await openDelegate(delegate, this.#parts.authorityPublicKey), text: delegate }
  }
}
