/** Vectors are compared by their signs first: so many of the nearest are then compared exactly. */
const rescored = 256

interface Partition {
  readonly ids: string[]
  readonly vectors: Float32Array[]
  readonly signs: Uint32Array[]
}

export interface Near {
  readonly id: string
  /** Cosine. */
  readonly score: number
}

/**
 * Nearest neighbours among unit vectors, in two steps: by the Hamming distance of their signs, which is a few machine
 * words for each (random hyperplanes: Charikar 2002), then exactly among the nearest of these. Texts that mean the same
 * are so near that the first step does not lose them.
 */
export class VectorIndex {
  readonly #partitions = new Map<string, Partition>()
  readonly #places = new Map<string, string>()
  readonly #most: number

  /** Of more than `most` vectors, those used longest ago are forgotten. */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#places.size
  }

  /** Says which ones were forgotten for it. */
  put(id: string, name: string, vector: Float32Array): readonly string[] {
    this.remove(id)
    const partition = this.#partitions.get(name) ?? { ids: [], vectors: [], signs: [] }
    this.#partitions.set(name, partition)
    partition.ids.push(id)
    partition.vectors.push(vector)
    partition.signs.push(signsOf(vector))
    this.#places.set(id, name)
    const gone: string[] = []
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= this.#most) break
      this.remove(oldest)
      gone.push(oldest)
    }
    return gone
  }

  /** It was of use: others are forgotten before it. */
  used(id: string): void {
    const place = this.#places.get(id)
    if (place === undefined) return
    this.#places.delete(id)
    this.#places.set(id, place)
  }

  remove(id: string): void {
    const name = this.#places.get(id)
    const partition = name === undefined ? undefined : this.#partitions.get(name)
    if (name === undefined || partition === undefined) return
    this.#places.delete(id)
    const at = partition.ids.indexOf(id)
    for (const list of [partition.ids, partition.vectors, partition.signs] as unknown[][]) {
      const last = list.pop()
      if (at < list.length) list[at] = last
    }
    if (partition.ids.length === 0) this.#partitions.delete(name)
  }

  find(name: string, vector: Float32Array, limit: number): readonly Near[] {
    const partition = this.#partitions.get(name)
    if (partition === undefined) return []
    return nearestBySign(partition, vector)
      .map((at) => ({ id: partition.ids[at] ?? '', score: dot(partition.vectors[at], vector) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
  }
}

function nearestBySign({ signs }: Partition, vector: Float32Array): readonly number[] {
  if (signs.length <= rescored) return signs.map((_, at) => at)
  const wanted = signsOf(vector)
  const distances = new Uint16Array(signs.length)
  const counts = new Uint32Array(vector.length + 1)
  for (let at = 0; at < signs.length; at++) {
    const own = signs[at] as Uint32Array
    let distance = 0
    for (let word = 0; word < wanted.length; word++) distance += bits((own[word] as number) ^ (wanted[word] as number))
    distances[at] = distance
    counts[distance] = (counts[distance] as number) + 1
  }
  let bound = 0
  for (let sum = 0; bound < counts.length; bound++) {
    sum += counts[bound] as number
    if (sum >= rescored) break
  }
  const near: number[] = []
  for (let at = 0; at < distances.length; at++) if ((distances[at] as number) <= bound) near.push(at)
  return near
}

function signsOf(vector: Float32Array): Uint32Array {
  const signs = new Uint32Array(Math.ceil(vector.length / 32))
  for (let at = 0; at < vector.length; at++) {
    if ((vector[at] as number) > 0) signs[at >> 5] = (signs[at >> 5] as number) | (1 << (at & 31))
  }
  return signs
}

/** Ones in 32 bits (Hacker's Delight, 5-1). */
function bits(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  x = (x + (x >>> 4)) & 0x0f0f0f0f
  return Math.imul(x, 0x01010101) >>> 24
}

function dot(a: Float32Array | undefined, b: Float32Array): number {
  if (a === undefined) return 0
  let sum = 0
  for (let at = 0; at < b.length; at++) sum += (a[at] as number) * (b[at] as number)
  return sum
}
