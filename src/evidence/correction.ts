import type { Label } from '../core/evidence.ts'
import { dot, fitLogistic, logit, sigmoid } from './logistic.ts'

/**
 * What a request's own shape says beyond its cell: linear in the logit, drawn towards what ships (the cell's chance as it
 * is, less the difficulty), learned from the operator's labels, and clipped.
 */
export type Correction = readonly number[]

/** The intercept, the cell's logit, the difficulty; then the sketch. */
const fixed = [0, 1, -1] as const
const fixedStrength = [20, 60, 12] as const
const sketchStrength = 4
/** The most that a request's shape may move its chance, in logits. */
const mostMoved = 1.5

/** A judged reply, and the chance of its cell without it. */
export interface Placed {
  readonly label: Label
  readonly usual: number
}

export function fitCorrection(placed: readonly Placed[]): Correction | undefined {
  const size = Math.max(0, ...placed.map(({ label }) => label.sketch.length))
  if (placed.length < 20 || size === 0) return undefined
  const prior = [...fixed, ...Array.from({ length: size }, () => 0)]
  const strength = [...fixedStrength, ...Array.from({ length: size }, () => sketchStrength)]
  const observations = placed.map(({ label, usual }) => ({
    x: [1, logit(usual), label.difficulty, ...label.sketch],
    y: label.good,
    weight: label.weight,
  }))
  return fitLogistic(observations, prior, strength)
}

export interface Request {
  readonly difficulty: number
  readonly sketch: readonly number[]
}

/** How much easier (over 0) or harder than usual in its cell a request is, in logits. */
export function shiftOf(correction: Correction | undefined, usual: number, { difficulty, sketch }: Request): number {
  if (correction === undefined) return -difficulty
  const moved = dot(correction, [1, logit(usual), difficulty, ...sketch]) - logit(usual)
  return Math.min(mostMoved, Math.max(-mostMoved, moved))
}

export function shifted(p: number, shift: number): number {
  return shift === 0 ? p : sigmoid(logit(p) + shift)
}
