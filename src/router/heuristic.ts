import type { Factor } from '../core/decision.ts'
import type { Facts } from '../signals/signal.ts'

export interface Complexity {
  /** 0 to 1, in hundredths. */
  readonly value: number
  readonly factors: readonly Factor[]
  /** As `Complexity 0.10: short prompt, simple question`. */
  readonly reasoning: string
}

/**
 * The rule of the original Hybrid AI Stack: points for length, keywords, code and the type of task, summed and clipped
 * to 0..1. It is transparent and costs microseconds; on public outcome data it is also no better than a coin toss, so
 * it is the cold start, not the goal (docs/architecture.md).
 */
export function heuristicComplexity(facts: Facts): Complexity {
  const factors = [lengthFactor(facts), keywordFactor(facts), codeFactor(facts), taskFactor(facts)]

  // Summed in hundredths: 0.1 + 0.2 is not 0.3 in floating point, and 0.3 is a threshold.
  const hundredths = factors.reduce((sum, factor) => sum + Math.round(factor.points * 100), 0)
  const value = Math.min(Math.max(hundredths, 0), 100) / 100

  const phrases = factors.map((factor) => factor.phrase).filter((phrase) => phrase !== '')
  return { value, factors, reasoning: `Complexity ${value.toFixed(2)}: ${phrases.join(', ')}` }
}

function lengthFactor({ promptLength }: Facts): Factor {
  if (promptLength < 100) return { name: 'length', points: 0.1, phrase: 'short prompt' }
  if (promptLength <= 500) return { name: 'length', points: 0.3, phrase: 'medium length' }
  return { name: 'length', points: 0.5, phrase: 'long prompt' }
}

function keywordFactor({ keywords }: Facts): Factor {
  const { complex, simple } = keywords
  if (complex.length > 0) {
    const points = Math.min(complex.length, 3) / 10
    return { name: 'keywords', points, phrase: `asks for hard work (${complex.slice(0, 3).join(', ')})` }
  }
  if (simple.length > 0) return { name: 'keywords', points: -0.1, phrase: `simple task (${simple[0]})` }
  return { name: 'keywords', points: 0, phrase: '' }
}

function codeFactor({ code }: Facts): Factor {
  if (code.length < 2) return { name: 'code', points: 0, phrase: '' }
  return { name: 'code', points: 0.3, phrase: 'contains code' }
}

function taskFactor({ taskType }: Facts): Factor {
  if (taskType === 'question') return { name: 'task', points: -0.1, phrase: 'simple question' }
  if (taskType === 'creative') return { name: 'task', points: 0.2, phrase: 'creative task' }
  return { name: 'task', points: 0, phrase: '' }
}
