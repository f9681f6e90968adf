// Goal: the simulator's stand-in for a checker is no looser than the real one. Method: one suite on both.
import type { ContextKey, Version } from '../../base/ids.ts'
import { sealEnvelope, sealTombstone } from '../../crypto/envelope.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import { sha256Hex } from '../../crypto/identity.ts'
import { cheapHash, sealedData, simEnvelopeChecker } from '../../sim/envelope.ts'
import { fleet, key, newIdentity, recipientsOf, roleKeys, versionOf } from '../crypto/fixtures.ts'
import { envelopeCheckerContract } from './envelope-checker.ts'

envelopeCheckerContract('the real checker', async () => {
  const author = await newIdentity()
  const roles = recipientsOf(roleKeys('developer', 'tester'))
  let ms = 1_700_000_000_000
  return {
    checker: newEnvelopeChecker({ fleet, isAuthor: peer => peer === author.peerId, isGranted: () => true }),
    hashOf: sha256Hex,
    make: async wish => {
      const version = versionOf(author, ms++)
      const plan = { fleet, key, version, author, ...wish, parent: wish.parent as Version | null }
      const sealed =
        wish.kind === 'live'
          ? await sealEnvelope({ ...plan, roles, plaintext: Buffer.from('why') })
          : await sealTombstone(plan)
      return { key, version, ...wish, ...sealed }
    },
  }
})

envelopeCheckerContract("the simulator's checker", async () => {
  let ms = 0x1000
  return {
    checker: simEnvelopeChecker,
    hashOf: cheapHash,
    make: async wish => {
      const version = `01900000${(ms++).toString(16)}0000aaaaaaaa` as Version
      const facts = { key: key as ContextKey, version, ...wish, parent: wish.parent as Version | null }
      const data = sealedData(facts, 'filling')
      return { ...facts, data, hash: cheapHash(data) }
    },
  }
})
