import { readFileSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { SlurpError } from '../../base/errors.ts'

/** Far above what any peer takes; keeps a wrong file from filling the memory. */
const inputBytesMax = 64 * 1024 * 1024

const lists = new Set(['technologies', 'tags', 'insights', 'decision.follows'])

export type ContextSources = {
  readonly file: string | undefined
  /** `summary=text`, `tags=a,b`, `decision.reason=text`, `metadata.size:=12`. */
  readonly fields: readonly string[]
  readonly input: (Readable & { readonly isTTY?: boolean }) | null
}

/**
 * The context that `put` was given: a JSON object from a file or standard input, with single fields over it.
 *
 * @throws SlurpError USAGE when there is none, JSON_INVALID, TOO_LARGE.
 */
export async function readContext(sources: ContextSources): Promise<Record<string, unknown>> {
  const { file, fields, input } = sources
  const fromInput = file === '-' || (file === undefined && fields.length === 0)
  let context: Record<string, unknown> = {}
  if (fromInput) {
    if (input === null || input.isTTY) {
      throw new SlurpError('USAGE', 'There is no context to put.', {
        hint: 'Give it with --file FILE, with --field summary=TEXT, or on standard input as JSON.',
      })
    }
    context = parseObject(await readAll(input), 'Standard input')
  } else if (file !== undefined) {
    context = parseObject(readWhole(file), file)
  }
  for (const field of fields) setField(context, field)
  return context
}

function readWhole(path: string): string {
  try {
    if (statSync(path).size > inputBytesMax) throw tooLarge(path)
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof SlurpError) throw thrown
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
    throw new SlurpError('USAGE', `The file ${path} cannot be read (${code}).`, {
      hint: 'Name a file that holds one JSON object.',
      cause: thrown,
    })
  }
}

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input) {
    const buffer = Buffer.from(chunk)
    bytes += buffer.length
    if (bytes > inputBytesMax) throw tooLarge('Standard input')
    chunks.push(buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = (place: string) =>
  new SlurpError('TOO_LARGE', `${place} is larger than ${inputBytesMax} bytes.`)

function parseObject(text: string, place: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SlurpError('JSON_INVALID', `${place} does not hold valid JSON.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SlurpError('JSON_INVALID', `${place} does not hold a JSON object.`)
  }
  return value as Record<string, unknown>
}

function setField(context: Record<string, unknown>, text: string): void {
  const match = /^([A-Za-z][\w.-]{0,127}?)(:?=)(.*)$/s.exec(text)
  const [, name = '', operator, raw = ''] = match ?? []
  if (!match) {
    throw new SlurpError('USAGE', `The field ${JSON.stringify(text)} is not of the form name=value.`, {
      hint: 'Write --field summary=TEXT, --field tags=a,b, or --field metadata.size:=12 for JSON.',
    })
  }
  const path = name.split('.')
  const last = path.pop() ?? name
  let holder = context
  for (const part of path) {
    const inner = Object.hasOwn(holder, part) ? holder[part] : undefined
    const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
    Object.defineProperty(holder, part, { value: next, enumerable: true, writable: true, configurable: true })
    holder = next
  }
  const value = operator === ':=' ? parseValue(name, raw) : parseText(name, raw, holder[last])
  Object.defineProperty(holder, last, { value, enumerable: true, writable: true, configurable: true })
}

function parseValue(name: string, raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch (cause) {
    throw new SlurpError('JSON_INVALID', `The value of --field ${name}:= is not valid JSON.`, { cause })
  }
}

/** Lists take several values, by commas or by giving the field again. */
function parseText(name: string, raw: string, before: unknown): unknown {
  if (name === 'overridesParent' && (raw === 'true' || raw === 'false')) return raw === 'true'
  if (!lists.has(name)) return raw
  const items = name === 'insights' ? [raw] : raw.split(',').filter(item => item !== '')
  return [...(Array.isArray(before) ? before : []), ...items]
}
