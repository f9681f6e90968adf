/** A bug of ours, never a caller's or a peer's mistake: what comes from outside is validated and refused instead. */
export class InvariantBroken extends Error {
  override name = 'InvariantBroken'
}

/** @throws InvariantBroken when `condition` is false. Never reachable from input of a user or a peer. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new InvariantBroken(what)
}

/** Closes a switch over a union: compiles only when every kind is handled. */
export function unreachable(value: never): never {
  throw new InvariantBroken(`unhandled ${JSON.stringify(value)}`)
}
