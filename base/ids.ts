/** Names that are never plain strings: a brand per meaning, so that the compiler refuses a mix-up. */
declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** libp2p peer id in its base58 text form (`12D3KooW…`). */
export type PeerId = Branded<string, 'PeerId'>
/** 256-bit point of the key space, 64 lowercase hex digits. */
export type ContextKey = Branded<string, 'ContextKey'>
/** Hybrid logical clock value, 24 lowercase hex digits; text order is time order (see hlc.ts). */
export type Hlc = Branded<string, 'Hlc'>
/** Version of one context: the HLC value of the operation that wrote it (rule 13). */
export type Version = Hlc
/** Operation id: an HLC value taken before the operation's first ballot (rule 5). */
export type OperationId = Hlc
/** HLC value followed by the boot incarnation, 32 lowercase hex digits; text order is ballot order. */
export type Ballot = Branded<string, 'Ballot'>
/** Hash of the authority's public key, 64 lowercase hex digits. */
export type FleetId = Branded<string, 'FleetId'>
/** SHA-256, 64 lowercase hex digits. */
export type Digest = Branded<string, 'Digest'>
/** Number of a partition, from 0. */
export type PartitionId = Branded<number, 'PartitionId'>
/** Name of a role: 1 to 32 of `a-z 0-9 -`, starting with a letter. */
export type RoleName = Branded<string, 'RoleName'>

const hexOf = (digits: number) => new RegExp(`^[0-9a-f]{${digits}}$`)
const shapes = { key: hexOf(64), hlc: hexOf(24), ballot: hexOf(32) }

export const isContextKey = (text: string): text is ContextKey => shapes.key.test(text)
export const isVersion = (text: string): text is Version => shapes.hlc.test(text)
export const isBallot = (text: string): text is Ballot => shapes.ballot.test(text)
export const isRoleName = (text: string): text is RoleName => /^[a-z][a-z0-9-]{0,31}$/.test(text)

/** The ballot below every other: nothing accepted, nothing promised. */
export const noBallot = '0'.repeat(32) as Ballot
/** The HLC value below every other. */
export const noHlc = '0'.repeat(24) as Hlc

/** No hash of an address will ever begin so: 240 bits of ones. */
const controlPrefix = 'f'.repeat(60)

/**
 * The key of one control register: what the fleet agrees on about itself. Number 0 to 65535; of its versions only the
 * one that stands is kept.
 */
export const controlKey = (number: number): ContextKey =>
  (controlPrefix + number.toString(16).padStart(4, '0')) as ContextKey

export const isControlKey = (key: ContextKey): boolean => key.startsWith(controlPrefix)
