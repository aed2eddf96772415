import type { Check, Label } from '../core/evidence.ts'
import {
  defaultStrength,
  defaultWeights,
  doubtWeights,
  fatalChance,
  taskStrength,
  usualLowest,
  usualMean,
  usualTokens,
  usualWindow,
} from './check-weights.ts'
import { dot, fitLogistic, logit, type Observation, sigmoid } from './logistic.ts'

/** A judged reply that look 2 had measured, and what look 1 says about it now. */
export interface Seen {
  readonly label: Label
  readonly prior: number
}

/** Look 2 of one model: coefficients for all tasks, and for each kind of task with labels of its own. */
export interface Calibration {
  readonly all: readonly number[]
  readonly tasks: ReadonlyMap<string, readonly number[]>
}

export const uncalibrated: Calibration = { all: defaultWeights, tasks: new Map() }

const fewestOfTask = 8
/** Under certainty, that its logarithm ends somewhere. */
export const surpriseFloor = 1e-3

/**
 * Two stages of logistic regression: the model's coefficients are drawn towards the shipped ones, those of a kind of task
 * towards the model's. So twenty labels move little, and two hundred of a kind speak for themselves.
 */
export function calibrate(seen: readonly Seen[]): Calibration {
  const observations = seen.flatMap(({ label, prior }) => {
    if (label.check === undefined || isFatal(label.check)) return []
    return [{ task: label.cell.task, x: featuresOf(label.check, prior), y: label.good, weight: label.weight }]
  })
  if (observations.length === 0) return uncalibrated
  const all = fitLogistic(observations, defaultWeights, defaultStrength)
  const tasks = new Map<string, readonly number[]>()
  for (const [task, own] of Map.groupBy<string, Observation & { task: string }>(observations, (item) => item.task)) {
    if (own.length >= fewestOfTask) tasks.set(task, fitLogistic(own, all, taskStrength))
  }
  return { all, tasks }
}

/** The chance that a reply is good enough: look 1's, and what was measured of it. */
export function judge(calibration: Calibration, task: string, check: Check, prior: number): number {
  if (isFatal(check)) return Math.min(prior, fatalChance)
  const weights = calibration.tasks.get(task) ?? calibration.all
  return sigmoid(dot(weights, featuresOf(check, prior)))
}

function isFatal({ findings }: Check): boolean {
  return findings.some(({ weight }) => weight === 'fatal')
}

/** In the order of `defaultWeights`. Without probabilities a reply counts as one of the usual kind. */
export function featuresOf({ confidence, findings, selfCheck }: Check, prior: number): readonly number[] {
  const doubts = findings.reduce((sum, { name }) => sum + doubtWeights[name], 0)
  const opinion = selfCheck === undefined ? 0 : logit(Math.min(0.98, Math.max(0.02, selfCheck)))
  const mean = surprise(confidence?.mean ?? 0)
  const measured =
    confidence === undefined
      ? [0, 0, 0, 0, 0]
      : [
          mean - usualMean,
          surprise(confidence.lowestWindow) - mean - usualWindow,
          surprise(confidence.lowest) - mean - usualLowest,
          Math.log(confidence.tokens + 1) - usualTokens,
          confidence.margin === undefined ? 0 : Math.min(5, confidence.margin) - 2,
        ]
  return [1, logit(Math.min(0.99, Math.max(0.01, prior))), ...measured, opinion, doubts]
}

/** Nearly linear in the logit of being right: ln(-log-probability), with a floor under certainty. */
function surprise(logprob: number): number {
  return Math.log(surpriseFloor - Math.min(0, logprob))
}
