import { detectLanguage } from '../core/language.ts'
import {
  asks,
  comparing,
  directions,
  functionWords,
  genericWords,
  negations,
  numberWords,
  opposites,
  origins,
  senses,
} from './words.ts'

/** What differs between two questions, beyond the way in which the same is asked. */
export interface Differences {
  /** One that changes the answer, in words; empty where there is none. */
  readonly decisive: string
  /** Words with a meaning of their own that only one of them has. */
  readonly leftOver: number
  /** True where each of them has such a word: one stands in for another. */
  readonly replaced: boolean
}

interface Reading {
  readonly language: string
  readonly words: readonly string[]
  readonly content: ReadonlySet<string>
  readonly numbers: readonly string[]
  readonly negations: number
  readonly asks: ReadonlySet<string>
  readonly quoted: readonly string[]
  /** Capitalised words within sentences, in their order. */
  readonly names: readonly string[]
  readonly isDirected: boolean
  readonly compares: boolean
  /** How often something is said to come from somewhere. */
  readonly origins: number
}

const contractions: readonly (readonly [RegExp, string])[] = [
  [/\b(can)['’]t\b/g, '$1 not'],
  [/\bwon['’]t\b/g, 'will not'],
  [/n['’]t\b/g, ' not'],
  [/['’](s|re|ve|ll|d|m)\b/g, ' '],
  [/\b([ldjmtsnc]|qu)['’]/g, '$1 '],
  [/\bwi-?fi\b/g, 'wifi'],
  [/\be-?mail\b/g, 'email'],
]

/** The second look at two texts whose vectors are near: vectors hardly tell "turn on" from "turn off". */
export function differencesOf(one: string, other: string): Differences {
  const [a, b] = [read(one), read(other)]
  const [left, right] = [minus(a.content, b.content), minus(b.content, a.content)]
  const leftOver = left.length + right.length
  return { decisive: decisiveOf(a, b, left, right), leftOver, replaced: left.length > 0 && right.length > 0 }
}

function decisiveOf(a: Reading, b: Reading, left: readonly string[], right: readonly string[]): string {
  if (a.language !== b.language && a.language !== 'und' && b.language !== 'und') return 'the language'
  if (!equal(a.numbers, b.numbers)) return 'a number'
  if (a.negations !== b.negations) return 'a negation'
  if (!equal(a.quoted, b.quoted)) return 'what is quoted'
  if (!equal([...a.asks].sort(), [...b.asks].sort())) return 'what is asked for'
  if (!equal([...new Set(a.names)].sort(), [...new Set(b.names)].sort())) return 'a name'
  const opposite = left.find((word) => right.some((its) => opposites.get(word)?.has(its)))
  if (opposite !== undefined) return `the opposite of '${opposite}'`
  const particle = [...a.words].find((word) => [...(opposites.get(word) ?? [])].some((its) => swapped(word, its, a, b)))
  if (particle !== undefined) return `the opposite of '${particle}'`
  if (a.origins !== b.origins) return 'where it comes from'
  if (a.isDirected && b.isDirected && !sameOrder(a.names, b.names)) return 'the direction'
  if (a.compares && b.compares && !sameOrder([...a.content], [...b.content])) return 'what is compared with what'
  return ''
}

/** One has the word and not its opposite, the other has it the other way round: `on` and `off` carry no content. */
function swapped(word: string, its: string, a: Reading, b: Reading): boolean {
  return !a.words.includes(its) && b.words.includes(its) && !b.words.includes(word)
}

function sameOrder(one: readonly string[], other: readonly string[]): boolean {
  const shared = (words: readonly string[], also: readonly string[]) => words.filter((word) => also.includes(word))
  return equal(shared(one, other), shared(other, one))
}

function read(text: string): Reading {
  const quoted = [...text.matchAll(/["“„«]([^"”“»]{1,200})["”“»]/g)].map(([, inside = '']) =>
    inside.trim().toLowerCase(),
  )
  let plain = text.toLowerCase()
  for (const [pattern, replacement] of contractions) plain = plain.replace(pattern, replacement)
  const words = plain.match(/\p{N}+(?:[.,:]\p{N}+)*|[\p{L}\p{M}]+/gu) ?? []
  const names = namesIn(text)
  const numbers = [
    ...words.flatMap((word) => (/^\p{N}/u.test(word) ? [word.replaceAll(',', '')] : (numberWords.get(word) ?? []))),
    ...romanNumbers(text),
    ...measures(words),
  ].sort()
  const kinds = new Set(words.flatMap((word) => asks.get(word) ?? []))
  if (/\bhow (many|much)\b/.test(plain)) kinds.add('many')
  if (/\bwie (viel|viele)\b/.test(plain)) kinds.add('many')
  return {
    language: detectLanguage(text),
    words,
    content: new Set(words.filter(hasMeaning).map(senseOf)),
    numbers,
    negations: words.filter((word) => negations.has(word)).length,
    asks: kinds,
    quoted,
    names,
    isDirected: words.some((word) => directions.has(word)),
    compares: words.some((word) => comparing.has(word)),
    origins: words.filter((word) => origins.has(word)).length,
  }
}

function hasMeaning(word: string): boolean {
  if (functionWords.has(word) || genericWords.has(word) || negations.has(word) || asks.has(word)) return false
  return !numberWords.has(word) && !/^\p{N}/u.test(word) && !(directions.has(word) && word.length < 6)
}

/** `5 miles` is not `5 kilometers`: a number and what it counts belong together. */
function measures(words: readonly string[]): readonly string[] {
  return words.flatMap((word, at) => {
    const next = words[at + 1]
    const isNumber = /^\p{N}/u.test(word) || numberWords.has(word)
    return isNumber && next !== undefined && hasMeaning(next) ? [`${numberWords.get(word) ?? word} ${stem(next)}`] : []
  })
}

/** After a name, as in `World War II`. */
function romanNumbers(text: string): readonly string[] {
  // `Can I` is no such thing.
  return [...text.matchAll(/(?<=\p{L} )\p{Lu}\p{L}+ ([IVX]{1,5})\b/gu)].map(([, roman = '']) => `#${roman}`)
}

/** Where a language writes all nouns large, they are names here, too: they are compared as they are. */
function namesIn(text: string): readonly string[] {
  const found: string[] = []
  for (const sentence of text.split(/(?<=[.!?:¿¡"“„«])\s*/)) {
    const words = sentence.match(/[\p{L}\p{M}'’-]+/gu) ?? []
    for (const word of words.slice(1)) {
      const plain = word.replace(/['’]s$/, '').replace(/^[dl]['’]/i, '')
      if (/^\p{Lu}/u.test(plain) && plain !== 'I' && !/^[IVX]+$/.test(plain)) found.push(senseOf(plain.toLowerCase()))
    }
  }
  return found
}

function senseOf(word: string): string {
  return senses.get(word) ?? senses.get(stem(word)) ?? stem(word)
}

/** Endings of numbers and tenses; crude, and the same for both. */
function stem(word: string): string {
  if (word.length < 5) return word.replace(/([^s])s$/, '$1')
  const cut = word.replace(/(ations?|ating|ated|ates?)$/, 'at').replace(/(ings?|ed|es|ly|s)$/, '')
  const base = cut.length >= 3 ? cut : word
  return base.replace(/(.)\1$/, '$1').replace(/[ey]$/, '')
}

function minus(one: ReadonlySet<string>, other: ReadonlySet<string>): readonly string[] {
  return [...one].filter((word) => !other.has(word))
}

function equal(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at])
}
