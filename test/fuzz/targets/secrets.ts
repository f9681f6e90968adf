import { isDeepStrictEqual } from 'node:util'
import { encode } from 'cborg'
import type { Digest, RoleName } from '../../../base/ids.ts'
import { dealSecrets } from '../../../crypto/registry/genesis.ts'
import {
  decodeEntry,
  decodeRegistry,
  encodeEntry,
  encodeRegistry,
} from '../../../crypto/registry/registry-codec.ts'
import {
  question as askAboutGrants,
  decodeQuestion as decodeGrantQuestion,
  decodeReply,
  encodeQuestion as encodeGrantQuestion,
  encodeReply,
} from '../../../node/grants/exchange.ts'
import { decodeWork, encodeWork } from '../../../node/keys/due.ts'
import {
  decodeAnswers,
  decodeQuestion,
  encodeAnswers,
  encodeQuestion,
  type KeyQuestion,
} from '../../../node/keys/wire.ts'
import { authority, fleetSecret, holders, reader } from '../keys.ts'
import { holds, refusesOr, same, type Target } from '../target.ts'

const again = 'what was read is read again from what is written'
const identities = await Promise.all(holders)
const role = 'developer' as RoleName
const { registry, shares } = await dealSecrets({
  authority,
  members: identities.map(({ peerId, ageRecipient }) => ({
    peer: peerId,
    recipient: ageRecipient,
    roles: [role],
  })),
  roleKeys: [{ name: role, keyVersion: 1, identity: reader }],
  fleetSecret,
  signingSecret: new Uint8Array(32).fill(7),
  createdAtMs: 1_750_000_000_000,
})
const encoded = encodeRegistry(registry)

const registryOfKeys: Target = {
  name: 'registry of keys',
  seeds: [encoded],
  weight: 0.3,
  run: input =>
    refusesOr(
      () => decodeRegistry(input, authority.fleet),
      read => holds(same(encodeRegistry(read), input), 'a registry has one encoding'),
    ),
}

const entry: Target = {
  name: 'entry of a key',
  seeds: registry.secrets.map(encodeEntry),
  weight: 0.5,
  run: input => refusesOr(() => decodeEntry(input)),
}

const kept = [...shares.values()][0]![0]!
const questions: KeyQuestion[] = [
  { kind: 'release', requests: [new Uint8Array(40).fill(1), new Uint8Array(2)] },
  { kind: 'recipient' },
  { kind: 'keep', shares: [{ entry: encodeEntry(registry.secrets[0]!), sealed: kept.sealed }] },
  { kind: 'changed' },
  { kind: 'reshare' },
  { kind: 'due' },
  { kind: 'redealt', entries: [encodeEntry(registry.secrets[0]!)] },
]

const work: Target = {
  name: 'work about keys',
  seeds: [
    encodeWork({
      rotations: [registry.secrets[0]!],
      outdated: registry.secrets,
      holders: registry.secrets[0]!.set.set.holders.map(({ peer }) => peer),
    }),
  ],
  weight: 1,
  run: input => {
    const read = decodeWork(input)
    if (read !== null) holds(isDeepStrictEqual(decodeWork(encodeWork(read)), read), again)
    return read !== null
  },
}

const question: Target = {
  name: 'question about keys',
  seeds: [...questions.map(encodeQuestion), encode([[[[[]]]], {}])],
  weight: 1,
  run: input => decodeQuestion(input) !== null,
}

const answers: Target = {
  name: 'answers about keys',
  seeds: [encodeAnswers([new Uint8Array(9), 'no share of it is here']), encodeAnswers([])],
  weight: 1,
  run: input => {
    const read = decodeAnswers(input, 2)
    holds(read === null || read.length === 2, 'there are as many as there have to be')
    return read !== null
  },
}

const hash = 'c3'.repeat(32) as Digest
const list = { text: 'a list', delegate: null }

const grantQuestion: Target = {
  name: 'question about grants',
  seeds: [
    encodeGrantQuestion(askAboutGrants('compare', { hashes: [hash], digests: [hash] })),
    encodeGrantQuestion(askAboutGrants('give', { grants: ['a grant'], revocations: [list] })),
    encodeGrantQuestion(askAboutGrants('renew')),
  ],
  weight: 1,
  run: input => {
    const read = decodeGrantQuestion(input)
    if (read !== null) holds(isDeepStrictEqual(decodeGrantQuestion(encodeGrantQuestion(read)), read), again)
    return read !== null
  },
}

const grantReply: Target = {
  name: 'answer about grants',
  seeds: [encodeReply({ grants: ['a grant'], revocations: [list], lacking: [hash] })],
  weight: 1,
  run: input => {
    const read = decodeReply(input)
    if (read !== null) holds(isDeepStrictEqual(decodeReply(encodeReply(read)), read), again)
    return read !== null
  },
}

export const secretTargets = (): Target[] => [
  registryOfKeys,
  entry,
  question,
  work,
  answers,
  grantQuestion,
  grantReply,
]
