/** Longest text that is read, in tokens, as the model was trained for. */
const longestTokens = 256
const longestWord = 100
const [cls, sep, unknown] = ['[CLS]', '[SEP]', '[UNK]']

/**
 * WordPiece as of BERT (Devlin et al. 2018): lower case, accents taken off, punctuation and Chinese letters apart, then
 * the longest pieces of the vocabulary from the left.
 */
export class WordPiece {
  readonly #ids: ReadonlyMap<string, number>

  /** One token for each line. */
  constructor(vocabulary: string) {
    this.#ids = new Map(
      vocabulary
        .trimEnd()
        .split(/\r?\n/)
        .map((token, id) => [token, id]),
    )
    for (const token of [cls, sep, unknown]) {
      if (!this.#ids.has(token)) throw new Error(`the vocabulary has no ${token}`)
    }
  }

  encode(text: string): readonly number[] {
    const pieces = words(text).flatMap((word) => this.#piecesOf(word))
    return [this.#id(cls), ...pieces.slice(0, longestTokens - 2), this.#id(sep)]
  }

  #piecesOf(word: string): readonly number[] {
    const letters = [...word]
    if (letters.length > longestWord) return [this.#id(unknown)]
    const ids: number[] = []
    for (let start = 0; start < letters.length; ) {
      let end = letters.length
      let id: number | undefined
      for (; end > start && id === undefined; end--) {
        id = this.#ids.get((start > 0 ? '##' : '') + letters.slice(start, end).join(''))
      }
      if (id === undefined) return [this.#id(unknown)]
      ids.push(id)
      start = end + 1
    }
    return ids
  }

  #id(token: string): number {
    return this.#ids.get(token) ?? 0
  }
}

function words(text: string): readonly string[] {
  return (
    text
      .toLowerCase()
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '')
      .replace(/[\p{Cc}\p{Cf}]/gu, (letter) => (/[\t\n\r]/.test(letter) ? ' ' : ''))
      .match(/[\p{Script=Han}]|[!-/:-@[-`{-~\p{P}]|[^\s!-/:-@[-`{-~\p{P}\p{Script=Han}]+/gu) ?? []
  )
}
