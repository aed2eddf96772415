/** Some text and the natural logarithms of the probabilities of the tokens that it is made of. */
export interface TextPiece {
  readonly text: string
  readonly logprobs: readonly number[]
}

/** Turns tokens into text, holding back those that end in the middle of a character. */
export class TokenText<Token> {
  readonly #detokenize: (tokens: readonly Token[], before: readonly Token[]) => string
  readonly #before: Token[]
  #held: Token[] = []
  #logprobs: number[] = []

  /** `before` are the last tokens of the prompt: some tokenizers write a space differently at the start of a text. */
  constructor(detokenize: (tokens: readonly Token[], before: readonly Token[]) => string, before: readonly Token[]) {
    this.#detokenize = detokenize
    this.#before = [...before]
  }

  push(token: Token, logprob: number): TextPiece | undefined {
    this.#held.push(token)
    this.#logprobs.push(logprob)
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
    const piece = { text, logprobs: this.#logprobs }
    this.#before.push(...this.#held)
    this.#before.splice(0, this.#before.length - 8)
    this.#held = []
    this.#logprobs = []
    return piece
  }
}

/** Watches for stop texts across pieces and holds back whatever may be the beginning of one. */
export class StopText {
  readonly #stops: readonly string[]
  #held: TextPiece[] = []

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** `stopped` means that a stop text came; `piece` is then the last, and ends where the stop text began. */
  push(piece: TextPiece): { readonly piece: TextPiece | undefined; readonly stopped: boolean } {
    this.#held.push(piece)
    const text = this.#held.map((held) => held.text).join('')
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at !== -1)
    if (found.length > 0) return { piece: this.#release(Math.min(...found), true), stopped: true }

    const longest = Math.max(0, ...this.#stops.map((stop) => beginningAtEnd(text, stop)))
    return { piece: this.#release(text.length - longest, false), stopped: false }
  }

  flush(): TextPiece | undefined {
    return this.#release(Number.POSITIVE_INFINITY, false)
  }

  /** Joins the pieces that end by `length`; `cut` also gives the part of the next one that lies before it. */
  #release(length: number, cut: boolean): TextPiece | undefined {
    let text = ''
    const logprobs: number[] = []
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
