/** Documents that have a term, with its weight in each: all lists of one query one behind the other. */
export class Found {
  places = new Uint32Array(4096)
  weights = new Uint32Array(4096)
  length = 0

  add(place: number, weight: number): void {
    if (this.length === this.places.length) this.#grow()
    this.places[this.length] = place
    this.weights[this.length++] = weight
  }

  #grow(): void {
    const [places, weights] = [new Uint32Array(this.length * 2), new Uint32Array(this.length * 2)]
    places.set(this.places)
    weights.set(this.weights)
    this.places = places
    this.weights = weights
  }
}
