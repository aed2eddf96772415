import type { Assessment, Judgement } from './decision.ts'
import { toDollars } from './price.ts'

/** How decisions are told in JSON, by the native API and by the command line. */

/** Look 1; null where the heuristic decided. */
export function evidenceFields(assessment: Assessment | undefined) {
  if (assessment === undefined) return null
  const { profile, chances, rule, strong, allowance } = assessment
  return {
    cell: profile.cell,
    certainty: rounded(profile.certainty),
    difficulty: rounded(profile.difficulty),
    familiarity: rounded(profile.familiarity),
    models: chances.map(({ model, p, low, high, n, level, estimatedCost }) => ({
      model,
      p: rounded(p),
      low: rounded(low),
      high: rounded(high),
      n: rounded(n),
      level,
      estimated_cost: dollars(estimatedCost),
    })),
    rule,
    escalates_to: strong ?? null,
    allowance: allowance === undefined ? null : rounded(allowance),
  }
}

/** Look 2; null where the reply was not judged. */
export function checkFields(judgement: Judgement | undefined) {
  if (judgement === undefined) return null
  const { check, p, threshold, verdict, reason } = judgement
  const { confidence } = check
  return {
    p: rounded(p),
    threshold: rounded(threshold),
    verdict,
    reason,
    partial: check.partial,
    findings: check.findings.map(({ name, weight, detail }) => ({ name, weight, detail })),
    confidence:
      confidence === undefined
        ? null
        : {
            mean_logprob: rounded(confidence.mean),
            lowest_window: rounded(confidence.lowestWindow),
            lowest: rounded(confidence.lowest),
            tokens: confidence.tokens,
          },
    self_check: check.selfCheck === undefined ? null : rounded(check.selfCheck),
  }
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}

function dollars(cost: number | undefined): number | null {
  return cost === undefined ? null : toDollars(cost)
}
