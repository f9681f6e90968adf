/** The run itself cannot go on: a peer does not start, a command of the fleet fails. Not a broken promise. */
export class ChaosFailure extends Error {
  override name = 'ChaosFailure'
}
