import type { Socket } from 'node:net'
import { SlurpError } from '../../base/errors.ts'
import { failureHeaders, misuse, securityHeaders } from './failures.ts'

// An import would make everything that the module exports, a web socket client among it: 40 ms of each start.
const http = process.getBuiltinModule('node:http')

/**
 * Answers what Node could not read as HTTP at all, in the same shape as every failure, and hangs up.
 *
 * @param refused - is told the code of the failure and who sent it.
 */
export function answerBrokenRequest(
  error: Error & { code?: string },
  socket: Socket,
  refused: (code: string, source: string) => void,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const failure = describe(error.code)
  refused(failure.code, socket.remoteAddress ?? 'unknown')
  const body = JSON.stringify(failure.toBody())
  const headers = {
    ...securityHeaders,
    ...failureHeaders(failure),
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const status = failure.httpStatus
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
}

function describe(code: string | undefined): SlurpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new SlurpError('TOO_LARGE', 'The headers are larger than this peer takes.', {
        hint: 'Send fewer or shorter headers.',
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SlurpError('REQUEST_TIMEOUT', 'The headers did not arrive in time.')
    default:
      return misuse('This is not a valid HTTP request.')
  }
}
