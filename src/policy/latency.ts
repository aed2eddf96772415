interface Measured {
  first: number
  perToken: number
  seen: number
}

const fast = 0.1
/** Before anything was measured: seconds to the first token, and for each of the reply. */
const assumed: Readonly<Record<'local' | 'cloud', Measured>> = {
  local: { first: 0.5, perToken: 0.05, seen: 0 },
  cloud: { first: 1, perToken: 0.015, seen: 0 },
}

/** How long models take, as moving averages of what was seen. */
export class Latencies {
  readonly #models = new Map<string, Measured>()

  saw(
    model: string,
    { first, seconds, tokens }: { readonly first: number; readonly seconds: number; readonly tokens: number },
  ): void {
    const perToken = tokens > 0 ? Math.max(0, seconds - first) / tokens : 0
    const known = this.#models.get(model)
    if (known === undefined) {
      this.#models.set(model, { first, perToken, seen: 1 })
      return
    }
    known.first += fast * (first - known.first)
    known.perToken += fast * (perToken - known.perToken)
    known.seen++
  }

  /** Seconds that a reply of so many tokens will probably take. */
  expected(model: string, backend: 'local' | 'cloud', tokens: number): number {
    const { first, perToken } = this.#models.get(model) ?? assumed[backend]
    return first + perToken * tokens
  }
}
