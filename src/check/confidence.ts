import type { Confidence } from '../core/evidence.ts'
import type { TokenLogprob } from '../core/reply.ts'

const windowTokens = 8
/** Servers write -Infinity, -9999 or so for what they think impossible. */
const floor = -20

/** Undefined where the server gave no probabilities. */
export function confidenceOf(tokens: readonly TokenLogprob[]): Confidence | undefined {
  const logprobs = tokens.filter(({ logprob }) => !Number.isNaN(logprob)).map(({ logprob }) => clip(logprob))
  if (logprobs.length === 0) return undefined
  const margins = tokens.flatMap(marginOf)
  const margin = margins.length === 0 ? undefined : mean(margins)
  return {
    mean: mean(logprobs),
    lowestWindow: lowestWindow(logprobs),
    lowest: logprobs.reduce((least, logprob) => Math.min(least, logprob), 0),
    ...(margin !== undefined && { margin }),
    tokens: logprobs.length,
  }
}

/** How much likelier the chosen token was than the next one. */
function marginOf({ token, logprob, top }: TokenLogprob): readonly number[] {
  const others = (top ?? []).filter((alternative) => alternative.token !== token).map((other) => clip(other.logprob))
  return others.length === 0 ? [] : [clip(logprob) - Math.max(...others)]
}

function lowestWindow(logprobs: readonly number[]): number {
  if (logprobs.length <= windowTokens) return mean(logprobs)
  let sum = logprobs.slice(0, windowTokens).reduce((total, logprob) => total + logprob, 0)
  let least = sum
  for (let end = windowTokens; end < logprobs.length; end++) {
    sum += (logprobs[end] ?? 0) - (logprobs[end - windowTokens] ?? 0)
    least = Math.min(least, sum)
  }
  return least / windowTokens
}

function clip(logprob: number): number {
  return Math.min(0, Math.max(floor, logprob))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
