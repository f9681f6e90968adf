import { assignmentsOf, type View } from '../../dht/view.ts'

/** Rule 11 on the view: only leaders move partitions, and none after a later one. Methods return what is wrong, or null. */
export class Tokens {
  readonly #elected = new Set<number>()

  /** A process says that it leads with this token. */
  elected(token: number): void {
    this.#elected.add(token)
  }

  /** A newer view is on some disk. */
  saw(before: View, view: View): string | null {
    if (view.token < before.token)
      return `view ${view.epoch} was made under token ${view.token}, after one under ${before.token}`
    const epochs = new Map([...assignmentsOf(before)].map(each => [each.partition, each.assignment.epoch]))
    const moved = [...assignmentsOf(view)].find(
      ({ partition, assignment }) => epochs.get(partition) !== assignment.epoch,
    )
    if (moved === undefined || this.#elected.has(view.token)) return null
    return `view ${view.epoch} moves partition ${moved.partition} under token ${view.token}, which no leader has`
  }
}
