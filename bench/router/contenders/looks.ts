import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Check, Label, Profile } from '../../../src/core/evidence.ts'
import type { ModelCard } from '../../../src/core/model.ts'
import { free } from '../../../src/core/price.ts'
import { surpriseFloor } from '../../../src/evidence/calibration.ts'
import { usualLowest, usualWindow } from '../../../src/evidence/check-weights.ts'
import { Evidence } from '../../../src/evidence/evidence.ts'
import { type Look1Data, unpack } from '../../../src/signals/look-1-weights.ts'
import { profile as profileSignal, profileWith } from '../../../src/signals/profile.ts'
import type { Asked, Contender, Known, Pair } from '../contender.ts'
import { toRequest } from '../request.ts'

/** The product's own router, with nothing but what an operator would have: the prompt, the reply, its labels. */

const profiles = new Map<string, Profile>()
let signal = profileSignal

/** Judges with weights that were fitted on other data than those that ship. */
export async function useWeights(file: string): Promise<void> {
  const { look1Data }: { look1Data: Look1Data } = await import(pathToFileURL(resolve(file)).href)
  signal = profileWith(unpack(look1Data))
  profiles.clear()
}

function profileOf(asked: Asked): Profile {
  const key = `${asked.source}/${asked.id}`
  const known = profiles.get(key)
  if (known !== undefined) return known
  const profile = signal.read(toRequest(asked))
  profiles.set(key, profile)
  return profile
}

function cardOf(name: string, backend: ModelCard['backend']): ModelCard {
  return {
    name,
    provider: 'bench',
    id: name,
    backend,
    maxComplexity: backend === 'local' ? 0.6 : 1,
    auto: true,
    price: free,
    contextTokens: 100_000,
    maxOutputTokens: 4096,
    fixedSampling: false,
    capabilities: [],
    capabilitiesFixed: false,
    dialects: [],
  }
}

/** All that is known of a reply here is the mean; its least likely parts count as a usual reply's, and say nothing. */
function checkOf({ conf, outputTokens }: Asked): Check | undefined {
  if (conf === undefined) return undefined
  const mean = Math.min(0, conf)
  return {
    confidence: {
      mean,
      lowestWindow: usualBeside(mean, usualWindow),
      lowest: usualBeside(mean, usualLowest),
      tokens: outputTokens ?? 32,
    },
    findings: [],
    partial: false,
  }
}

/** The log-probability whose surprise is so much over the mean's (`featuresOf` in src/evidence/calibration.ts). */
function usualBeside(mean: number, more: number): number {
  return Math.min(0, surpriseFloor - Math.exp(Math.log(surpriseFloor - mean) + more))
}

/** Shadow comparisons and feedback say "good enough" or not; a score in between is a share of both. */
function labelOf({ asked, small, strong }: Known, pair: Pair, blind: boolean): Label {
  const { cell, difficulty, sketch } = blind ? blindProfile : profileOf(asked)
  const check = checkOf(asked)
  return {
    id: asked.id,
    at: 0,
    model: pair.small,
    source: 'shadow',
    good: small,
    weight: 1,
    requestId: asked.id,
    client: '',
    cell,
    difficulty,
    sketch,
    ...(check !== undefined && { check }),
    strong: { model: pair.strong, good: strong },
  }
}

const blindProfile: Profile = {
  cell: { task: 'other', length: 'medium', language: 'und', turn: 'first' },
  certainty: 0,
  parts: [],
  difficulty: 0,
  familiarity: 0,
  sketch: [],
}

function evidenceOf(pair: Pair, labels: readonly Known[], blind = false) {
  const small = cardOf(pair.small, 'local')
  const strong = cardOf(pair.strong, 'cloud')
  const evidence = new Evidence({
    models: [small, strong],
    labels: labels.map((known) => labelOf(known, pair, blind)),
    halfLifeDays: 1e6,
  })
  return { evidence, small, strong }
}

/** Before the call: what is known of the two models for such requests. */
export const look1: Contender = {
  name: 'look 1',
  learns: true,
  needsReply: false,
  prepare(pair, labels) {
    const { evidence, small, strong } = evidenceOf(pair, labels)
    const chance = (asked: Asked) => evidence.chance(small, profileOf(asked)).p
    return { chance, wish: (asked) => evidence.chance(strong, profileOf(asked)).p - chance(asked) }
  },
}

/** The reply's own confidence alone, with one calibration whatever the kind of task. */
export const look2: Contender = {
  name: 'look 2',
  learns: true,
  needsReply: true,
  prepare(pair, labels) {
    const { evidence, small } = evidenceOf(pair, labels, true)
    const chance = (asked: Asked) => {
      const check = checkOf(asked)
      return check === undefined ? evidence.chance(small, blindProfile).p : evidence.judge(small, blindProfile, check)
    }
    return { chance, wish: (asked) => -chance(asked) }
  },
}

/** Both, as the gateway does it. */
export const both: Contender = {
  name: 'both looks',
  learns: true,
  needsReply: true,
  prepare(pair, labels) {
    const { evidence, small, strong } = evidenceOf(pair, labels)
    const chance = (asked: Asked) => {
      const check = checkOf(asked)
      const profile = profileOf(asked)
      return check === undefined ? evidence.chance(small, profile).p : evidence.judge(small, profile, check)
    }
    return { chance, wish: (asked) => evidence.chance(strong, profileOf(asked)).p - chance(asked) }
  },
}
