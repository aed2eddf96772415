import type { ModelCard } from '../core/model.ts'

/**
 * How able a model is before any of its replies was judged, in logits on the scale of `taskHardness`: a one-parameter
 * item response model (Rasch 1960), in which the chance of a good reply is the logistic function of ability less
 * hardness. Fitted by scripts/look-1/fit-abilities.ts: ability grows with the logarithm of the parameters.
 */
export const abilityAtBillion = -0.62
export const abilityPerLog = 0.59
/** Frontier models of the vendors; their sizes are not known. */
export const frontierAbility = 3

/** Sizes in billions of well-known names that do not say theirs. */
const known: Readonly<Record<string, number>> = {
  tinyllama: 1.1,
  phi2: 2.7,
  phi: 2.7,
  'phi-2': 2.7,
  'phi-3': 3.8,
  phi3: 3.8,
  smollm2: 0.135,
  mistral: 7.2,
  mixtral: 13,
  gemma: 7,
  llama3: 8,
}

export function abilityOf({ name, id, backend, maxComplexity }: ModelCard): number {
  const size = sizeOf(id) ?? sizeOf(name)
  if (size !== undefined) return abilityAtBillion + abilityPerLog * Math.log(size)
  if (backend === 'cloud') return frontierAbility - 1.5 * (1 - maxComplexity)
  // An operator's word is better than none: 0.3 is for the smallest, 1 for one as good as the cloud.
  return abilityAtBillion + maxComplexity * (frontierAbility - abilityAtBillion) * 0.6
}

/** Billions of parameters, as far as the name says: `qwen2.5-1.5b`, `SmolLM2-135M`, `mixtral-8x7b` (two of eight work). */
export function sizeOf(name: string): number | undefined {
  const text = name.toLowerCase()
  const mixture = /(\d+)x(\d+(?:\.\d+)?)b/.exec(text)
  if (mixture !== null) return Number(mixture[2]) * 1.8
  const plain = /(?:^|[^a-z0-9.])(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])/.exec(text)
  if (plain !== null) return plain[2] === 'b' ? Number(plain[1]) : Number(plain[1]) / 1000
  const bare = text.split(/[/:@]/).find((part) => known[part] !== undefined)
  return bare === undefined ? undefined : known[bare]
}
