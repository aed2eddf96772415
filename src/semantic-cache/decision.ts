import { type Differences, differencesOf } from './differences.ts'

/** How near two questions must be, in cosine, by how many words are left over; `bench/semantic-cache` chooses them. */
export interface Thresholds {
  readonly none: number
  readonly one: number
  readonly several: number
}

export const thresholds: Thresholds = { none: 0.75, one: 1.01, several: 1.01 }

export interface Verdict {
  readonly same: boolean
  /** Why not, in words; empty where they mean the same. */
  readonly why: string
}

/** Whether an answer to one question answers the other. */
export function isSameQuestion(one: string, other: string, cosine: number, least: Thresholds = thresholds): Verdict {
  return decide(differencesOf(one, other), cosine, least)
}

export function decide({ decisive, leftOver }: Differences, cosine: number, least: Thresholds = thresholds): Verdict {
  if (decisive !== '') return { same: false, why: `they differ in ${decisive}` }
  const wanted = leftOver === 0 ? least.none : leftOver === 1 ? least.one : least.several
  return cosine >= wanted ? { same: true, why: '' } : { same: false, why: `${leftOver} words are left over` }
}
