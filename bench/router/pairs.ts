import type { Pair } from './contender.ts'
import type { Outcome } from './outcomes.ts'

const times = (smalls: readonly string[], strongs: readonly string[]) =>
  smalls.flatMap((small) => strongs.map((strong) => [small, strong] as const))

/** Pairs of models that the published figures are about. */
const known: Readonly<Record<string, readonly (readonly [small: string, strong: string])[]>> = {
  'mmlu-pro': times(
    ['Mistral-7B-Instruct-v0.2', 'Phi-3-mini-4k-instruct', 'Meta-Llama-3_1-8B-Instruct'],
    ['gemini-1.5-pro-002'],
  ),
  paretobandit: times(['llama-3.1-8b-instruct'], ['gemini-2.5-pro', 'mistral-large-2512']),
  'zeroeval-gsm': times(
    ['gemma-2-2b-it', 'Phi-3.5-mini-instruct', 'Meta-Llama-3-8B-Instruct'],
    ['claude-3-5-sonnet-20241022', 'gpt-4o-2024-08-06'],
  ),
  'qlora-oasst': times(['7b-guanaco'], ['gpt-4-2023']),
  'bfcl-half': times(
    ['NousResearch_Hermes-2-Pro-Mistral-7B', 'meta-llama_Meta-Llama-3-8B-Instruct', 'Salesforce_xLAM-1b-fc-r'],
    ['claude-3-5-sonnet-20240620'],
  ),
  'cascades-dev': times(['llama3.2-1b', 'llama3.2-3b', 'llama3.1-8b'], ['gpt-4o']),
}

/** The known pairs of a source; of an unknown one the best model, and the three with scores nearest to half of its. */
export function pairsOf(source: string, outcomes: readonly Outcome[]): readonly Pair[] {
  const listed = known[source]
  if (listed !== undefined) return listed.map(([small, strong]) => ({ source, small, strong }))
  const means = new Map<string, { sum: number; n: number }>()
  for (const { scores } of outcomes) {
    for (const [model, score] of Object.entries(scores)) {
      const entry = means.get(model) ?? { sum: 0, n: 0 }
      means.set(model, { sum: entry.sum + score, n: entry.n + 1 })
    }
  }
  const ranked = [...means].map(([model, { sum, n }]) => ({ model, mean: sum / n })).sort((a, b) => b.mean - a.mean)
  const [best, ...others] = ranked
  if (best === undefined) return []
  const near = [...others].sort((a, b) => Math.abs(a.mean - best.mean / 2) - Math.abs(b.mean - best.mean / 2))
  return near.slice(0, 3).map(({ model }) => ({ source, small: model, strong: best.model }))
}
