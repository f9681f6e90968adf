/** Documents that have a term, with its weight in each: all lists of one query one behind the other. */
export class Found {
  places = new Uint32Array(4096)
  weights = new Uint32Array(4096)
  length = 0

  /** Makes room for so many more, so that whoever knows how many there are writes them without a look at the room. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.places.length) return
    const size = Math.max(needed, this.places.length * 2)
    const [places, weights] = [new Uint32Array(size), new Uint32Array(size)]
    places.set(this.places.subarray(0, this.length))
    weights.set(this.weights.subarray(0, this.length))
    this.places = places
    this.weights = weights
  }

  add(place: number, weight: number): void {
    if (this.length === this.places.length) this.reserve(1)
    this.places[this.length] = place
    this.weights[this.length++] = weight
  }
}
