import type { Finding } from '../core/evidence.ts'

/**
 * What look 2 believes before it has labels of its own. The features of a reply are: one, the logit of look 1's chance,
 * ln(0.001 - mean log-probability), the same of the least likely window and token, ln of the number of tokens, the margin (0
 * where it is not known), the logit of the model's own opinion (0 where it was not asked), doubts. Fitted on 504 graded
 * replies of SmolLM2-135M (npm run bench:router:gradable), rounded; docs/routing.md has how well they carry over.
 */
/** Centres: what usual replies have, so that the intercept means something. */
export const usualMean = -0.45
export const usualWindow = 0.5
export const usualLowest = 1.3
export const usualTokens = 3.5

export const defaultWeights: readonly number[] = [0, 0.7, -0.9, -0.3, -0.8, -0.1, 0.1, 0.3, -0.7]
/** Precision of the Gaussian around them, in labels: how long the defaults hold against what is seen. */
export const defaultStrength: readonly number[] = [2, 6, 10, 12, 12, 12, 30, 20, 6]
/** How closely a kind of task keeps to its model: intercept and slopes. */
export const taskStrength: readonly number[] = [1, 4, 2, 4, 4, 5, 20, 20, 20]

/** Logits that a doubt costs beside others, before anything is learned. */
export const doubtWeights: Readonly<Record<Finding['name'], number>> = {
  empty: 1,
  cut: 0.7,
  repetition: 1.5,
  refusal: 1,
  hedging: 0.8,
  'invalid-json': 1,
  'invalid-code': 1,
  'wrong-language': 1.2,
  echo: 1.5,
  'invalid-tool-call': 1,
}

/** A reply that is of no use to anybody. */
export const fatalChance = 0.02
