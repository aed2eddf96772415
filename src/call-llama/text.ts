import type { TokenLogprob } from '../core/reply.ts'

/** Some text and the tokens that it is made of. */
export interface TextPiece {
  readonly text: string
  readonly logprobs: readonly TokenLogprob[]
}

/** What the model said about one of its tokens: natural logarithms of probabilities. */
export interface Sureness<Token> {
  readonly logprob: number
  readonly top?: readonly { readonly token: Token; readonly logprob: number }[]
}

/** Turns tokens into text, holding back those that end in the middle of a character. */
export class TokenText<Token> {
  readonly #detokenize: (tokens: readonly Token[], before: readonly Token[]) => string
  readonly #before: Token[]
  #held: Token[] = []
  #sureness: Sureness<string>[] = []

  /** `before` are the last tokens of the prompt: some tokenizers write a space differently at the start of a text. */
  constructor(detokenize: (tokens: readonly Token[], before: readonly Token[]) => string, before: readonly Token[]) {
    this.#detokenize = detokenize
    this.#before = [...before]
  }

  push(token: Token, { logprob, top }: Sureness<Token>): TextPiece | undefined {
    const before = [...this.#before, ...this.#held]
    const told = top?.map((other) => ({ ...other, token: this.#detokenize([other.token], before) }))
    this.#held.push(token)
    this.#sureness.push({ logprob, ...(told !== undefined && { top: told }) })
    const text = this.#detokenize(this.#held, this.#before)
    // No character is longer than four bytes, hence tokens: a longer wait means that the model wrote broken bytes.
    if (text.endsWith('\uFFFD') && this.#held.length < 4) return undefined
    return this.#take(text)
  }

  /** What is left when the reply ends; half a character is dropped. */
  flush(): TextPiece | undefined {
    if (this.#held.length === 0) return undefined
    return this.#take(this.#detokenize(this.#held, this.#before).replace(/\uFFFD+$/, ''))
  }

  #take(text: string): TextPiece {
    // Tokens that share a character: the last one has it.
    const last = this.#sureness.length - 1
    const logprobs = this.#sureness.map((sure, index) => ({ token: index === last ? text : '', ...sure }))
    this.#before.push(...this.#held)
    this.#before.splice(0, this.#before.length - 8)
    this.#held = []
    this.#sureness = []
    return { text, logprobs }
  }
}

export interface Watched {
  readonly piece: TextPiece | undefined
  readonly stopped: boolean
  /** The one that came, and what came behind it. */
  readonly stop?: string
  readonly after?: string
}

/** Watches for stop texts across pieces and holds back whatever may be the beginning of one. */
export class StopText {
  readonly #stops: readonly string[]
  #held: TextPiece[] = []

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** `stopped` means that a stop text came; `piece` is then the last, and ends where the stop text began. */
  push(piece: TextPiece): Watched {
    this.#held.push(piece)
    const text = this.#held.map((held) => held.text).join('')
    const places = this.#stops.map((stop) => ({ stop, at: text.indexOf(stop) })).filter(({ at }) => at !== -1)
    const [first] = places.sort((a, b) => a.at - b.at)
    if (first !== undefined) {
      const { stop, at } = first
      return { piece: this.#release(at, true), stopped: true, stop, after: text.slice(at + stop.length) }
    }
    const longest = Math.max(0, ...this.#stops.map((stop) => beginningAtEnd(text, stop)))
    return { piece: this.#release(text.length - longest, false), stopped: false }
  }

  flush(): TextPiece | undefined {
    return this.#release(Number.POSITIVE_INFINITY, false)
  }

  /** Joins the pieces that end by `length`; `cut` also gives the part of the next one that lies before it. */
  #release(length: number, cut: boolean): TextPiece | undefined {
    let text = ''
    const logprobs: TokenLogprob[] = []
    while (this.#held[0] !== undefined && text.length + this.#held[0].text.length <= length) {
      text += this.#held[0].text
      logprobs.push(...this.#held[0].logprobs)
      this.#held.shift()
    }
    const next = this.#held[0]
    if (cut && next !== undefined && text.length < length) {
      text += next.text.slice(0, length - text.length)
      logprobs.push(...next.logprobs)
    }
    return text === '' && logprobs.length === 0 ? undefined : { text, logprobs }
  }
}

/** How many of the last characters of `text` are the beginning of `stop`. */
function beginningAtEnd(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length
  return 0
}
