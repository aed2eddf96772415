/** How much of a long text is read: its beginning, where the task stands, and its end, where it stands as often. */
const headCharacters = 3000
const tailCharacters = 1500

/** Buckets that features are hashed into. */
export const buckets = 4096

/** What is read of a text, whatever its length. */
export function readPart(text: string): string {
  if (text.length <= headCharacters + tailCharacters) return text
  return `${text.slice(0, headCharacters)}\n${text.slice(-tailCharacters)}`
}

/** Words in lower case; numbers become `#`, so that one number is like another; every CJK character is a word. */
export function wordsOf(text: string): readonly string[] {
  const found = text
    .toLowerCase()
    .match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}]+|\p{N}+|[\\^=+*<>{}|$]/gu,
    )
  return (found ?? []).map((word) => (/^\p{N}/u.test(word) ? '#' : word))
}

/** FNV-1a, 32 bits, of each word. */
export function hashesOf(words: readonly string[]): readonly number[] {
  return words.map((word) => {
    let value = 0x81_1c_9d_c5
    for (let i = 0; i < word.length; i++) value = Math.imul(value ^ word.charCodeAt(i), 0x01_00_01_93)
    return value >>> 0
  })
}

/** Of two words in their order. */
function pair(first: number, second: number): number {
  return (Math.imul(first ^ 0x9e_37_79_b9, 0x85_eb_ca_6b) ^ Math.imul(second, 0xc2_b2_ae_35)) >>> 0
}

/** Bits that remember which pairs of words were seen. */
export const seenBits = 262_144

/** The bits of a text's pairs of words. */
export function pairsOf(hashes: readonly number[]): readonly number[] {
  return hashes.slice(1).map((value, index) => pair(hashes[index] ?? 0, value) % seenBits)
}

/** Words at the edges of a request say what is to be done: they count once more in their place. */
const edge = 4
const firstMark = 0x51_ed_27_0b
const lastMark = 0x2f_6b_5f_0d

/** The buckets of a text's words, pairs of words and first and last words; each once. */
export function hashedFeatures(hashes: readonly number[]): readonly number[] {
  const found = new Set<number>()
  const last = hashes.length - edge
  for (let index = 0; index < hashes.length; index++) {
    const value = hashes[index] ?? 0
    found.add(value % buckets)
    if (index > 0) found.add(pair(hashes[index - 1] ?? 0, value) % buckets)
    if (index < edge) found.add(pair(firstMark, value) % buckets)
    if (index >= last) found.add(pair(lastMark, value) % buckets)
  }
  return [...found]
}

const option = /(?:^|\n)\s*(?:\(?[A-J0-9][).:]|option \d|- )\s|\([A-J]\)\s/gi

/** What a look at the shape of a text says, as numbers of about one. The names stand in the data card. */
export const shapeNames = [
  'log-length',
  'log-numbers',
  'number-share',
  'options',
  'log-sentences',
  'words-per-sentence',
  'symbols',
  'capitals',
  'long-words',
  'question',
  'code',
] as const

export function shapeOf(text: string, words: readonly string[], length: number): readonly number[] {
  const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0
  const total = Math.max(1, words.length)
  const numbers = words.reduce((sum, word) => sum + Number(word === '#'), 0)
  const sentences = Math.max(1, count(/[.!?。！？](?:\s|$)/g))
  const longWords = words.reduce((sum, word) => sum + Number(word.length >= 9), 0)
  return [
    Math.log1p(length) / 5,
    Math.log1p(numbers) / 2,
    Math.min(1, (numbers / total) * 5),
    Math.log1p(count(option)) / 2,
    Math.log(sentences) / 2,
    Math.log(Math.min(60, total / sentences) + 1) / 3,
    Math.log1p(count(/[\\^_=+*/<>{}|~$%]/g)) / 3,
    Math.min(1, (count(/[^.!?\s]\s+\p{Lu}/gu) / total) * 4),
    Math.min(1, (longWords / total) * 3),
    Number(/[?？]/.test(text)),
    Number(/```|\bdef \w|\breturn\b|\bfunction\b|;\s*\n|=>|\bSELECT\b|<\/\w/.test(text)),
  ]
}
