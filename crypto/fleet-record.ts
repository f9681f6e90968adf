import { sameBytes } from '../base/bytes.ts'
import { SlurpError } from '../base/errors.ts'
import type { FleetId } from '../base/ids.ts'
import { type Authority, fleetOf } from './authority.ts'
import { type FleetStatement, fleetRecordFormat, fromJson, toJson } from './fleet-record-shape.ts'
import { ed25519From, isSignedWith } from './peer-keys.ts'

/** Bytes of one fleet record, at most. */
export const fleetRecordBytesMax = 512 * 1024
const purpose = 'slurp/v1/fleet-record\0'
const signatureShape = /^[0-9a-f]{128}$/

/** The signed description of a fleet: `fleet.json` of a peer, and the record in the Kademlia table. */
export type FleetRecord = FleetStatement & {
  /** 64 bytes over everything else. */
  readonly signature: Uint8Array
}

/** @throws SlurpError CONFIG_INVALID when it could not be read back: a shape or a cap is violated. */
export function signFleetRecord(
  authority: Authority,
  statement: Omit<FleetStatement, 'authorityPublicKey'>,
): FleetRecord {
  const { view, roles } = statement
  const whole = { view, roles, authorityPublicKey: authority.publicKey }
  const record = { ...whole, signature: authority.sign(signedBytesOf(whole)) }
  try {
    return verifyFleetRecord(encodeFleetRecord(record), authority.fleet)
  } catch (failure) {
    if (!(failure instanceof SlurpError)) throw failure
    throw new SlurpError('CONFIG_INVALID', failure.message)
  }
}

/** Canonical JSON: one text for one record, fields in a fixed order, no spaces, a line feed at the end. */
export const encodeFleetRecord = (record: FleetRecord): Uint8Array =>
  Buffer.from(
    `${JSON.stringify({ ...toJson(record), signature: Buffer.from(record.signature).toString('hex') })}\n`,
  )

/**
 * Reads a record's shape within its caps, not its signature.
 *
 * @throws SlurpError INTEGRITY_FAILED, or FORMAT_UNKNOWN for one of a later release.
 */
export function decodeFleetRecord(bytes: Uint8Array): FleetRecord {
  if (bytes.length > fleetRecordBytesMax) throw refused(`It is larger than ${fleetRecordBytesMax} bytes.`)
  const json = parsed(bytes)
  if (json.format !== fleetRecordFormat) {
    throw new SlurpError('FORMAT_UNKNOWN', 'A fleet record has a format that this release does not know.')
  }
  const statement = fromJson(json)
  if (typeof statement === 'string') throw refused(statement)
  if (typeof json.signature !== 'string' || !signatureShape.test(json.signature)) {
    throw refused('It carries no signature.')
  }
  const record = { ...statement, signature: Uint8Array.from(Buffer.from(json.signature, 'hex')) }
  // A second spelling, or a field that we do not know, would be signed by nobody.
  if (!sameBytes(encodeFleetRecord(record), bytes)) throw refused('It is not in canonical form.')
  return record
}

/**
 * Reads a record and proves that the authority of its fleet signed it.
 *
 * @param expectedFleet - the fleet that it has to be of; without it, the record alone says so, which is right only
 * where the place that it was read from is trusted.
 * @throws SlurpError INTEGRITY_FAILED, or FORMAT_UNKNOWN for one of a later release.
 */
export function verifyFleetRecord(bytes: Uint8Array, expectedFleet?: FleetId): FleetRecord {
  const record = decodeFleetRecord(bytes)
  const { view, authorityPublicKey, signature } = record
  if (view.fleet !== fleetOf(authorityPublicKey)) throw refused('Its authority is not that of its fleet.')
  if (expectedFleet !== undefined && view.fleet !== expectedFleet) throw refused('It is of another fleet.')
  if (!isSignedWith(ed25519From(authorityPublicKey), signedBytesOf(record), signature)) {
    throw refused('Its authority did not sign it.')
  }
  return record
}

/** Of two verified records of one fleet the one in force: the higher epoch of the view, `first` when equal. */
export const newerFleetRecord = (first: FleetRecord, second: FleetRecord): FleetRecord =>
  second.view.epoch > first.view.epoch ? second : first

const signedBytesOf = (statement: FleetStatement): Uint8Array =>
  Buffer.from(purpose + JSON.stringify(toJson(statement)))

function parsed(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch (failure) {
    if (!(failure instanceof SyntaxError || failure instanceof TypeError)) throw failure
  }
  throw refused('It is no JSON object.')
}

const refused = (why: string): SlurpError =>
  new SlurpError('INTEGRITY_FAILED', `A fleet record is refused. ${why}`, {
    hint: 'Copy fleet.json from another peer of this fleet, or make it again with `slurp init`.',
  })
