import { type Cell, type LengthBand, type Profile, type TaskKind, type TurnKind, taskKinds } from '../core/evidence.ts'
import { detectLanguage } from '../core/language.ts'
import { type ChatRequest, inToolLoop, spokenBy } from '../core/request.ts'
import { type Look1, look1 } from './look-1-weights.ts'
import { buckets, hashedFeatures, hashesOf, pairsOf, readPart, shapeOf, wordsOf } from './prompt-words.ts'
import type { Signal } from './signal.ts'

/** What only says that the conversation goes on: the task is the one before. */
const goesOn = new Set(
  'yes|yeah|yep|ok|okay|sure|please|please do|go on|go ahead|continue|next|more|do it|try again|again|and|proceed|keep going|ja|weiter|mach weiter|nochmal|bitte|oui|continuez|continue s il te plaît|encore|vas y|sí|si|sigue|continúa|adelante|otra vez|sim|continua|continue por favor|sì|vai avanti|да|продолжай|дальше|ещё раз|继续|好的|是的|はい|続けて|もう一度'.split(
    '|',
  ),
)
const longestGoOn = 40

/** The most that difficulty may say, in logits. */
export const mostDifficulty = 1

/** What look 1 knows of a request. Only what users say counts: no system prompt, no tool's output. */
export function profileWith(look1: Look1): Signal<Profile> {
  return {
    name: 'profile',
    read(request) {
      const said = spokenBy(request)
      const text = scored(said)
      const part = readPart(text)
      const words = wordsOf(part)
      const shape = shapeOf(part, words, text.length)
      const hashes = hashesOf(words)
      const features = hashedFeatures(hashes)
      const shares = sharesOf(features, shape, look1)
      const { task, certainty } = taskOf(request, shares, words.length)
      const cell: Cell = {
        task,
        length: bandOf(text.length),
        language: detectLanguage(text),
        turn: turnOf(request, said),
      }
      const familiarity = familiarityOf(hashes, look1)
      const difficulty = difficultyOf({ task, shape, features, familiarity }, look1)
      const sketch = [...shape, ...shares, Number(cell.language === 'en')].map(
        (value) => Math.round(value * 1000) / 1000,
      )
      const parts = cell.task === 'tools' ? [] : partsOf(words, look1)
      return { cell, certainty, parts, difficulty, familiarity, sketch }
    },
  }
}

export const profile = profileWith(look1)

/** The last thing that the user said and that says something. */
function scored(said: readonly string[]): string {
  const meant = said.findLast((text) => !onlyGoesOn(text))
  return meant ?? said.at(-1) ?? ''
}

function onlyGoesOn(text: string): boolean {
  if (text.length > longestGoOn) return false
  return goesOn.has(
    text
      .toLowerCase()
      .replaceAll(/[\s\p{P}\p{S}]+/gu, ' ')
      .trim(),
  )
}

function turnOf(request: ChatRequest, said: readonly string[]): TurnKind {
  if (inToolLoop(request)) return 'tool'
  return said.length > 1 ? 'follow-up' : 'first'
}

function bandOf(length: number): LengthBand {
  if (length < 200) return 'short'
  return length < 1000 ? 'medium' : 'long'
}

interface Recognised {
  readonly task: TaskKind
  readonly certainty: number
}

/** Where the recogniser is less sure than this, the kind is `other`. */
const leastCertainty = 0.3

function taskOf(request: ChatRequest, shares: readonly number[], words: number): Recognised {
  if ((request.tools ?? []).length > 0) return { task: 'tools', certainty: 1 }
  return words === 0 ? { task: 'other', certainty: 1 } : kindIn(shares)
}

function kindIn(shares: readonly number[]): Recognised {
  const best = shares.reduce((winner, share, kind) => (share > (shares[winner] ?? 0) ? kind : winner), 0)
  const certainty = shares[best] ?? 0
  return certainty < leastCertainty ? { task: 'other', certainty } : { task: taskKinds[best] ?? 'other', certainty }
}

/** A look through a window of so many words, moved by half of it. */
const windowWords = 8
const mostWindows = 16

/** The kinds of task that stretches of a text look like by themselves; none of a text that is no longer than one. */
function partsOf(words: readonly string[], look1: Look1): readonly TaskKind[] {
  if (words.length <= windowWords) return []
  const step = windowWords / 2
  const starts = Array.from({ length: Math.ceil((words.length - step) / step) }, (_, index) => index * step)
  // Both ends of a long text: its middle is what is added to hide behind.
  const read =
    starts.length <= mostWindows ? starts : [...starts.slice(0, mostWindows / 2), ...starts.slice(-mostWindows / 2)]
  const kinds = read.map((start) => {
    const seen = words.slice(start, start + windowWords)
    const joined = seen.join(' ')
    return kindIn(sharesOf(hashedFeatures(hashesOf(seen)), shapeOf(joined, seen, joined.length), look1)).task
  })
  return [...new Set(kinds)]
}

/** Shares of the kinds, by a softmax over hashed words and the shape of the text. */
function sharesOf(
  features: readonly number[],
  shape: readonly number[],
  { kinds, kindBias, kindShape, kindScale }: Look1,
): readonly number[] {
  const scale = kindScale / Math.sqrt(Math.max(1, features.length))
  const scores = kindBias.map((bias, kind) => {
    const weights = kindShape[kind] ?? []
    let sum = 0
    for (const feature of features) sum += kinds[kind * buckets + feature] ?? 0
    return shape.reduce((total, value, index) => total + value * (weights[index] ?? 0), bias + sum * scale)
  })
  const most = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - most))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** Texts of which a smaller share of the pairs of words is known are like none that the difficulty was fitted on. */
const strange = 0.35
const familiar = 0.75

/** Share of the pairs of words that were seen when the difficulty was fitted, stretched to 0..1. */
function familiarityOf(hashes: readonly number[], { seen }: Look1): number {
  const pairs = pairsOf(hashes)
  if (pairs.length < 4) return 0
  const known = pairs.reduce((sum, bit) => sum + Number(wasSeen(seen, bit)), 0)
  return Math.min(1, Math.max(0, (known / pairs.length - strange) / (familiar - strange)))
}

function wasSeen(seen: Uint8Array, bit: number): boolean {
  return (((seen[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1
}

interface Weighed {
  readonly task: TaskKind
  readonly shape: readonly number[]
  readonly features: readonly number[]
  readonly familiarity: number
}

/** Linear in the shape, with slopes of the kind, and in the words as far as they are familiar; clipped. */
function difficultyOf({ task, shape, features, familiarity }: Weighed, look1: Look1): number {
  const slopes = look1.shapeSlopes[task] ?? look1.shapeSlopes.other ?? []
  const means = look1.shapeMeans[task] ?? look1.shapeMeans.other ?? []
  const byShape = shape.reduce((sum, value, index) => sum + (value - (means[index] ?? 0)) * (slopes[index] ?? 0), 0)
  const scale = look1.wordScale / Math.sqrt(Math.max(1, features.length))
  const byWords = features.reduce((sum, feature) => sum + (look1.words[feature] ?? 0), 0) * scale
  const known = task in look1.shapeSlopes ? 1 : 0.3
  return clip(clip(byShape, mostDifficulty) * known + clip(byWords, mostDifficulty) * familiarity, mostDifficulty)
}

function clip(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value))
}
