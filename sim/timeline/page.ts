import type { Tale } from '../story-event.ts'
import { drawingOf } from './drawing.ts'
import { element, escaped, textElement } from './markup.ts'
import { style } from './style.ts'

export type PageText = {
  readonly title: string
  /** Rows above the drawing: a word and what belongs to it, which may have several lines. */
  readonly facts: readonly (readonly [name: string, text: string])[]
}

const legend: readonly (readonly [shape: 'line' | 'bar' | 'spot' | 'cross', kind: string, words: string])[] =
  [
    ['line', 'call', 'a caller asks, or is told'],
    ['line', 'caller', 'request and reply between peers'],
    ['line', 'promise', 'prepare and promise'],
    ['line', 'accept', 'accept and accepted'],
    ['line', 'read', 'query and report'],
    ['line', 'repair', 'replay, backfill, chain, scan'],
    ['line', 'refused', 'refused'],
    ['line', 'other', 'any other message'],
    ['line', 'promise lost', 'lost or cut on its way, or still on it'],
    ['line', 'promise again', 'a copy that came later'],
    ['bar', 'down', 'down'],
    ['bar', 'paused', 'stands still'],
    ['bar', 'diskSlow', 'its disk is slow'],
    ['bar', 'diskFull', 'its disk is full'],
    ['bar', 'cutOff', 'cut off from some'],
    ['bar', 'clogged', 'its frames to one wait'],
    ['spot', 'started', 'starts'],
    ['cross', 'died', 'dies'],
    ['spot', 'diskHurt', 'bits flip or records vanish'],
    ['spot', 'clock', 'its clock jumps'],
    ['spot', 'noted', 'something else'],
    ['line', 'broken', 'here it broke'],
  ]

/**
 * One self-contained page: no script, nothing fetched. Markup is closed everywhere, so that it can be read as XML.
 *
 * Cost: about a kilobyte for an event.
 */
export function pageOf({ title, facts }: PageText, tale: Tale): string {
  const { head, body } = drawingOf(tale)
  const left = tale.leftOut === 0 ? '' : ` ${tale.leftOut} earlier events are left out.`
  const rows = facts.map(([name, text]) =>
    element('tr', {}, textElement('th', {}, name) + element('td', {}, textElement('pre', {}, text))),
  )
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"/>',
    '<meta name="viewport" content="width=device-width"/>',
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style></head><body>`,
    textElement('h1', {}, title),
    element('table', {}, rows.join('')),
    textElement(
      'p',
      {},
      'Virtual time runs downwards; a moment of each event is its row, and long waits take less room than they should. ' +
        'Owners of the key are underlined. v1, v2 are versions and b1, b2 ballots, in the order in which the story ' +
        `meets them. Point at anything to read it in full.${left}`,
    ),
    element('ul', { class: 'legend' }, legend.map(legendItem).join('')),
    element('div', { class: 'head' }, head),
    body,
    '</body></html>\n',
  ].join('\n')
}

function legendItem([shape, kind, words]: (typeof legend)[number]): string {
  const drawn = {
    line: () => element('line', { class: kind, x1: 0, y1: 7, x2: 26, y2: 7 }),
    bar: () => element('rect', { class: `bar ${kind}`, x: 10, y: 0, width: 6, height: 14 }),
    spot: () => element('rect', { class: `spot ${kind}`, x: 9, y: 3, width: 8, height: 8 }),
    cross: () => element('path', { class: `cross ${kind}`, d: 'M9 3l8 8m0 -8l-8 8' }),
  }[shape]()
  return element('li', {}, element('svg', { width: 26, height: 14 }, drawn) + textElement('span', {}, words))
}
