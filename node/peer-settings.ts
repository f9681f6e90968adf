import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import type { SettingSource } from './config.ts'

/** `peer.json`: the name of the peer and whatever settings differ from the defaults. */
export type PeerFile = { readonly name: string; readonly settings: Readonly<Record<string, unknown>> }

const format = 1
const privateMode = 0o600
const tokenBytes = 32

export const peerFilePath = (dir: string): string => join(dir, 'peer.json')
const leftPath = (dir: string): string => join(dir, 'left.json')
export const tokenPath = (dir: string): string => join(dir, 'token')

/** A fresh bearer token: 256 random bits as text. */
export const newToken = (): string => randomBytes(tokenBytes).toString('base64url')

/** Writes a file that only its owner reads, whole or not at all. */
export function writePrivately(path: string, content: string | Uint8Array): void {
  const draft = `${path}.draft`
  writeFileSync(draft, content, { mode: privateMode })
  renameSync(draft, path)
}

export function writePeerFile(dir: string, { name, settings }: PeerFile): void {
  writePrivately(peerFilePath(dir), `${JSON.stringify({ format, name, ...settings }, null, 2)}\n`)
}

/** @throws SlurpError DATA_MISSING when there is none, FORMAT_UNKNOWN, CONFIG_INVALID. */
export function readPeerFile(dir: string): PeerFile {
  const path = peerFilePath(dir)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SlurpError('DATA_MISSING', `There is no peer in ${dir}.`, {
      hint: 'Make a fleet with `slurp init --dir DIR`, then run `slurp up --dir DIR/p1`.',
      cause,
    })
  }
  const value = parse(text)
  if (value === null) throw new SlurpError('CONFIG_INVALID', `${path} does not hold a JSON object.`)
  const { format: found, name, ...settings } = value
  if (found !== format) throw new SlurpError('FORMAT_UNKNOWN', `${path} has format ${String(found)}.`)
  if (typeof name !== 'string') throw new SlurpError('CONFIG_INVALID', `${path} names no peer.`)
  return { name, settings }
}

/** Notes that the peer of this directory is out of its fleet: nothing in it is needed any more. */
export const noteLeft = (dir: string): void =>
  writePrivately(leftPath(dir), `${JSON.stringify({ format, at: new Date().toISOString() })}\n`)

export const hasLeft = (dir: string): boolean => existsSync(leftPath(dir))

/** @throws SlurpError DATA_MISSING. */
export function readTokenOf(dir: string): string {
  try {
    const token = readFileSync(tokenPath(dir), 'utf8').trim()
    if (token.length >= tokenBytes) return token
  } catch (cause) {
    throw new SlurpError('DATA_MISSING', `There is no token in ${dir}.`, { cause })
  }
  throw new SlurpError('CONFIG_INVALID', `The token in ${dir} is shorter than ${tokenBytes} characters.`)
}

export const settingsOfFile = (file: PeerFile): SettingSource => ({
  place: 'peer.json',
  values: file.settings,
})

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
