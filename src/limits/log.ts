interface Entry {
  readonly at: number
  readonly id: string
  weight: number
}

/** What happened in a window that slides: times and weights, oldest first. */
export class Log {
  #entries: Entry[] = []
  /** Entries before this one are forgotten; moved together from time to time. */
  #first = 0
  #sum = 0

  /** Of all weights that are remembered. */
  get sum(): number {
    return this.#sum
  }

  add(at: number, id: string, weight: number): void {
    this.#entries.push({ at, id, weight })
    this.#sum += weight
  }

  /** Whatever happened at `until` or before. */
  forget(until: number): void {
    for (
      let entry = this.#entries[this.#first];
      entry !== undefined && entry.at <= until;
      entry = this.#entries[this.#first]
    ) {
      this.#sum -= entry.weight
      this.#first++
    }
    if (this.#first > 64 && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  /** The newest entries are asked for most. */
  change(id: string, weight: number): void {
    for (let index = this.#entries.length - 1; index >= this.#first; index--) {
      const entry = this.#entries[index]
      if (entry?.id !== id) continue
      this.#sum += weight - entry.weight
      entry.weight = weight
      return
    }
  }

  /** Milliseconds after `now` until so much weight has left a window of that length; the whole window where it never does. */
  waitFor(weight: number, now: number, windowMs: number): number {
    let left = weight
    for (let index = this.#first; index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      left -= entry?.weight ?? 0
      if (left <= 0) return Math.max(1, (entry?.at ?? now) + windowMs - now)
    }
    return windowMs
  }
}
