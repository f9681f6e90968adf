import { SlurpError } from '../../base/errors.ts'
import type { Outcome } from '../../replication/messages.ts'

type Elsewhere = Extract<Outcome, { kind: 'elsewhere' }>

const seconds = (timeoutMs: number): string => `${timeoutMs / 1000} s`

/** A write that may or may not have been carried out (rule 5). */
export const writeUnknown = (timeoutMs: number): SlurpError =>
  new SlurpError(
    'QUORUM_UNREACHED',
    `Outcome unknown: no quorum of the owners confirmed the write within ${seconds(timeoutMs)}; it may have been ` +
      `carried out, or may still be.`,
    { hint: 'Read the address before writing again; `slurp status` shows which peers are down.' },
  )

/** No owner was heard to take the write; what is on its way may still arrive. */
export const writeUnreached = (timeoutMs: number): SlurpError =>
  new SlurpError(
    'QUORUM_UNREACHED',
    `Outcome unknown: no quorum of the owners answered within ${seconds(timeoutMs)}, so nothing can be said to be ` +
      `written.`,
  )

export const readUnreached = (timeoutMs: number): SlurpError =>
  new SlurpError('QUORUM_UNREACHED', `No quorum of the owners answered within ${seconds(timeoutMs)}.`)

/** The peer gave up on an operation for a reason of its own. */
export function gaveUp(outcome: Elsewhere, otherwise: SlurpError): SlurpError {
  switch (outcome.reason) {
    case 'closing':
      return new SlurpError('SHUTTING_DOWN', 'This peer is shutting down; the outcome of a write is unknown.')
    case 'overloaded':
      return new SlurpError(
        'TOO_MANY',
        'The owners of this address have too much to do; nothing was written.',
      )
    case 'notOwner':
    case 'invalid':
      return otherwise
  }
}

export const conflict = (message: string, currentVersion: string | null): SlurpError =>
  new SlurpError('VERSION_CONFLICT', message, { currentVersion })

export const nothingThere = (): SlurpError =>
  new SlurpError('NOT_FOUND', 'Nothing is stored at this address.')
