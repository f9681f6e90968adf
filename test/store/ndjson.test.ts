// Goal: lines come out the same however the bytes are cut, and a long line costs no memory. Method: a property
// over texts and cuts against a plain split, and examples of each odd line.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type NumberedLine, splitLines } from '../../node/store/ndjson.ts'

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  // One buffer for all chunks, overwritten each time, as a reader that reuses its memory does.
  const reused = new Uint8Array(bytes.length)
  let from = 0
  for (const cut of [...cuts.map(each => each % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    const size = cut - from
    reused.set(bytes.subarray(from, cut))
    yield reused.subarray(0, size)
    from = cut
  }
}

async function linesOf(bytes: Uint8Array, lineBytesMax?: number, cuts: readonly number[] = []) {
  const lines: NumberedLine[] = []
  for await (const line of splitLines(chunksOf(bytes, cuts), lineBytesMax)) lines.push(line)
  return lines
}

const utf8 = (text: string) => new TextEncoder().encode(text)

test('any cut gives the lines of a plain split', async () => {
  const piece = fc.constantFrom('{"a":1}', '', 'ü€😀', ' x ', '\t', 'a\rb')
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.array(fc.nat()),
      async (pieces, end, closed, cuts) => {
        const text = pieces.join(end) + (closed ? end : '')
        const expected = text
          .split('\n')
          .map((line, index) => ({ line: index + 1, text: line.trim() }))
          .filter(line => line.text !== '')
        deepEqual(await linesOf(utf8(text), undefined, cuts), expected)
      },
    ),
  )
})

test('a line that is too long is told by its number, and the next one is read', async () => {
  const lines = await linesOf(utf8(`aaaa\n${'b'.repeat(5)}\ncccc\n${'d'.repeat(9)}`), 4, [1, 7, 8, 9])
  deepEqual(
    lines.map(line => ('failure' in line ? [line.line, line.failure.code] : [line.line, line.text])),
    [
      [1, 'aaaa'],
      [2, 'TOO_LARGE'],
      [3, 'cccc'],
      [4, 'TOO_LARGE'],
    ],
  )
})

test('bytes that are not UTF-8 fail their line alone', async () => {
  const lines = await linesOf(Uint8Array.of(0xff, 0x0a, 0x61))
  ok('failure' in lines[0]! && lines[0].failure.code === 'JSON_INVALID')
  deepEqual(lines[1], { line: 2, text: 'a' })
})

test('a byte order mark is dropped at the start of the input only', async () => {
  const mark = '\ufeff'
  deepEqual(await linesOf(utf8(`${mark}{}\n${mark}{}`)), [
    { line: 1, text: '{}' },
    { line: 2, text: `${mark}{}` },
  ])
})

test('a line of many megabytes is not held', async () => {
  let held = 0
  async function* endless() {
    const chunk = new Uint8Array(1024 * 1024).fill(0x61)
    for (let megabyte = 0; megabyte < 256; megabyte++) {
      held = Math.max(held, process.memoryUsage().arrayBuffers)
      yield chunk
    }
  }
  const before = process.memoryUsage().arrayBuffers
  const lines: NumberedLine[] = []
  for await (const line of splitLines(endless(), 2 * 1024 * 1024)) lines.push(line)
  equal(lines.length, 1)
  ok('failure' in lines[0]!)
  ok(held - before < 200 * 1024 * 1024, `${held - before} bytes were held`)
})
