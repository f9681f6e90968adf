/** When a caller may try again. `afterBackoff` on a write means: the outcome is unknown, ask with the same operation. */
export type Retry = 'never' | 'afterBackoff' | 'withNewVersion' | 'now'

/**
 * The one table that every door derives from: HTTP status, exit code, retry advice and the default hint,
 * which names the next command. Codes are stable; a released code is never given another meaning.
 */
export const advice = {
  USAGE: { http: 400, exit: 2, retry: 'never', hint: 'Run `slurp help` for the commands and their options.' },
  ADDRESS_INVALID: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: 'Write it as ucxl://agent:role@project:task/*^/path; `slurp help address` explains each part.',
  },
  CONTEXT_INVALID: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: '`slurp help context` lists the fields of a context.',
  },
  JSON_INVALID: { http: 400, exit: 2, retry: 'never', hint: 'Send one JSON object in UTF-8.' },
  ROLE_UNKNOWN: { http: 400, exit: 2, retry: 'never', hint: '`slurp status` lists the roles of this fleet.' },
  CONFIG_INVALID: { http: 400, exit: 2, retry: 'never', hint: '`slurp help config` lists the settings.' },
  TOO_LARGE: {
    http: 413,
    exit: 2,
    retry: 'never',
    hint: 'Split the context, or raise `contextBytesMax` on every peer.',
  },
  TOO_DEEP: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: 'Ask for an address further up; `slurp tree PREFIX` shows what lies where.',
  },
  TOO_MANY: { http: 429, exit: 1, retry: 'afterBackoff', hint: 'Send fewer requests at once and try again.' },
  REQUEST_TIMEOUT: {
    http: 408,
    exit: 7,
    retry: 'afterBackoff',
    hint: 'Send the whole request at once; the limits are in `slurp help config`.',
  },
  TOKEN_WRONG: {
    http: 401,
    exit: 6,
    retry: 'never',
    hint: 'Pass --token-file with the file that `slurp up` or `slurp demo` named when it was ready.',
  },
  ROLE_DENIED: {
    http: 403,
    exit: 6,
    retry: 'never',
    hint: 'Ask a peer that holds one of the roles of this context; `slurp status` shows who holds which.',
  },
  GRANT_DENIED: {
    http: 403,
    exit: 6,
    retry: 'never',
    hint: '`slurp grant explain` says which rule it was, and when a closed window opens.',
  },
  GRANT_UNKNOWN: {
    http: 404,
    exit: 4,
    retry: 'never',
    hint: '`slurp grant ls` lists the grants of this fleet.',
  },
  GRANT_INVALID: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: 'Ask whoever signs the grants of this fleet for a new one; `slurp status` shows the id of the fleet.',
  },
  JOIN_TOKEN_WRONG: {
    http: 403,
    exit: 6,
    retry: 'never',
    hint: 'Ask whoever made it for a new one, and copy all of it; each works once and not for long.',
  },
  NOT_FOUND: {
    http: 404,
    exit: 4,
    retry: 'never',
    hint: '`slurp history ADDRESS` shows whether it ever existed.',
  },
  ROUTE_UNKNOWN: { http: 404, exit: 4, retry: 'never', hint: 'GET /v1/openapi.json lists every path.' },
  VERSION_UNKNOWN: {
    http: 404,
    exit: 4,
    retry: 'never',
    hint: '`slurp history ADDRESS` lists its versions.',
  },
  VERSION_CONFLICT: {
    http: 409,
    exit: 5,
    retry: 'withNewVersion',
    hint: 'Read the current version with `slurp get ADDRESS`, merge, and put again with its version.',
  },
  QUORUM_UNREACHED: {
    http: 503,
    exit: 7,
    retry: 'afterBackoff',
    hint: 'Run `slurp status` to see which peers are down; `slurp up --dir DIR` starts one again.',
  },
  UNREACHABLE: {
    http: 503,
    exit: 7,
    retry: 'afterBackoff',
    hint: 'Start a fleet with `slurp demo`, or name one with --url and --token-file.',
  },
  INTEGRITY_FAILED: {
    http: 500,
    exit: 8,
    retry: 'afterBackoff',
    hint: 'The damaged copy is being repaired from the other replicas; `slurp status` shows how far.',
  },
  SEALED: {
    http: 503,
    exit: 9,
    retry: 'afterBackoff',
    hint: '`slurp status` shows which roles this peer can open.',
  },
  PASSPHRASE_NEEDED: {
    http: 503,
    exit: 9,
    retry: 'never',
    hint: 'Start it on a terminal, or name a file of mode 0600 that holds the passphrase in SLURP_PASSPHRASE_FILE.',
  },
  PASSPHRASE_WRONG: {
    http: 403,
    exit: 6,
    retry: 'never',
    hint: '`slurp identity show --dir DIR` shows what is sealed; without its passphrase nothing opens it.',
  },
  DIRECTORY_TAKEN: {
    http: 409,
    exit: 2,
    retry: 'never',
    hint: 'Choose another --dir, or stop the process that uses it.',
  },
  DATA_MISSING: {
    http: 500,
    exit: 8,
    retry: 'never',
    hint: 'Restore the directory; a peer that lost its disk must come back as a new peer, never under its old id.',
  },
  QUERY_INVALID: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: 'Put what is not meant as a sign of the query language in "quotes"; `slurp help query` explains it.',
  },
  CURSOR_INVALID: {
    http: 400,
    exit: 2,
    retry: 'never',
    hint: 'Ask again without the cursor, and go on with the one that this answer gives.',
  },
  INDEX_UNKNOWN: {
    http: 404,
    exit: 4,
    retry: 'never',
    hint: '`slurp index ls` lists the indexes of this peer.',
  },
  FORMAT_UNKNOWN: {
    http: 500,
    exit: 8,
    retry: 'never',
    hint: 'This data was written by a newer SLURP; start that version.',
  },
  MEMBER_UNKNOWN: {
    http: 404,
    exit: 4,
    retry: 'never',
    hint: '`slurp status` lists the peers of this fleet.',
  },
  MEMBER_KNOWN: {
    http: 409,
    exit: 5,
    retry: 'never',
    hint: 'Choose another --name; `slurp peer replace OLD` puts a new peer in the place of one that is lost.',
  },
  MEMBER_LEAVING: {
    http: 409,
    exit: 5,
    retry: 'never',
    hint: 'Its copies go to the others already; add the new peer with `slurp peer join`.',
  },
  TOO_FEW_PEERS: {
    http: 409,
    exit: 2,
    retry: 'never',
    hint: 'Add a peer first with `slurp peer join`; `slurp ring show` shows the replicas.',
  },
  LAST_COPY: {
    http: 409,
    exit: 2,
    retry: 'never',
    hint: 'Start the peer again with `slurp up --dir DIR` and drain it with `slurp peer drain NAME`.',
  },
  FLEET_WRONG: {
    http: 409,
    exit: 2,
    retry: 'never',
    hint: 'Name an address of the fleet that this directory was made for; `slurp status` shows its id.',
  },
  VERSION_UNSUPPORTED: {
    http: 409,
    exit: 2,
    retry: 'never',
    hint: 'Install the version of SLURP that the fleet runs; `slurp status` shows it.',
  },
  DUTY_UNKNOWN: { http: 404, exit: 4, retry: 'never', hint: '`slurp duty ls` lists the duties.' },
  DUTY_BUSY: {
    http: 409,
    exit: 5,
    retry: 'afterBackoff',
    hint: '`slurp duty ls` shows what it is doing; ask again.',
  },
  NOT_LEADER: {
    http: 409,
    exit: 1,
    retry: 'afterBackoff',
    hint: '`slurp leader show` says who leads; name its door with --url and --token-file.',
  },
  VIEW_CHANGED: {
    http: 409,
    exit: 5,
    retry: 'withNewVersion',
    hint: 'Make a new plan with `slurp ring plan` and apply that one.',
  },
  AUDIT_UNAVAILABLE: {
    http: 503,
    exit: 7,
    retry: 'afterBackoff',
    hint: 'Free disk space at that peer or send the request to another one; `slurp status` shows the reason.',
  },
  SHUTTING_DOWN: { http: 503, exit: 7, retry: 'afterBackoff', hint: 'Send the request to another peer.' },
  PARTIAL: {
    http: 200,
    exit: 3,
    retry: 'never',
    hint: 'Fix the failed lines and run `slurp batch retry FILE`.',
  },
  INTERNAL: {
    http: 500,
    exit: 1,
    retry: 'afterBackoff',
    hint: 'This is a bug of SLURP; its log has the details.',
  },
} as const satisfies Record<string, { http: number; exit: number; retry: Retry; hint: string }>

export type ErrorCode = keyof typeof advice

/** What every door prints: an error is a sentence with a stable code and a hint that names the next command. */
export type ErrorBody = {
  error: { code: ErrorCode; message: string; hint: string; retryable: boolean; retry: Retry }
  current?: { version: string | null }
}

/** A failure that a caller must plan for. Never carries a secret or a context's text. */
export class SlurpError extends Error {
  override name = 'SlurpError'
  readonly code: ErrorCode
  readonly hint: string
  /** Only with VERSION_CONFLICT: the version that stands now, null when nothing does. */
  readonly currentVersion: string | null | undefined

  constructor(
    code: ErrorCode,
    message: string,
    more: { hint?: string; currentVersion?: string | null; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.hint = more.hint ?? advice[code].hint
    this.currentVersion = more.currentVersion
  }

  get httpStatus(): number {
    return advice[this.code].http
  }

  get exitCode(): number {
    return advice[this.code].exit
  }

  toBody(): ErrorBody {
    const retry: Retry = advice[this.code].retry
    const body: ErrorBody = {
      error: { code: this.code, message: this.message, hint: this.hint, retryable: retry !== 'never', retry },
    }
    if (this.currentVersion !== undefined) body.current = { version: this.currentVersion }
    return body
  }
}

/** Any thrown thing as a SlurpError; what we did not plan for becomes INTERNAL, its text kept out of the answer. */
export function asSlurpError(thrown: unknown): SlurpError {
  if (thrown instanceof SlurpError) return thrown
  return new SlurpError('INTERNAL', 'An unexpected failure inside the peer.', { cause: thrown })
}
