import type { Outcome } from './outcomes.ts'

export interface Pair {
  readonly source: string
  readonly small: string
  readonly strong: string
}

/** What a router may see of a prompt: no score, and no category, which a gateway is not told. */
export interface Asked {
  readonly id: string
  readonly source: string
  readonly prompt: string
  /** Tools that were offered, where there were any. */
  readonly tools: number
  /** Mean log-probability that the small model gave its own reply, where it is known. */
  readonly conf: number | undefined
  /** Length of that reply, in tokens. */
  readonly outputTokens: number | undefined
}

/** A prompt whose outcome the operator knows. */
export interface Known {
  readonly asked: Asked
  readonly small: number
  readonly strong: number
}

export interface Scorer {
  /** Higher: rather the strong model. Only the order counts. */
  readonly wish: (asked: Asked) => number | Promise<number>
  /** The chance that the small model is good enough, 0 to 1, where the router claims to know one. */
  readonly chance?: (asked: Asked) => number
}

/**
 * A router on trial. `prepare` gets the judged replies that an operator has of this traffic: none (`shipped`), or those
 * of the other folds (`own labels`). A file for `--router` exports one as `contender`.
 */
export interface Contender {
  readonly name: string
  /** True where labels make a difference. */
  readonly learns: boolean
  /** True where it needs the small model's reply. */
  readonly needsReply: boolean
  readonly prepare: (pair: Pair, labels: readonly Known[]) => Scorer | Promise<Scorer>
}

export function askedOf({ id, source, prompt, meta, conf, output_tokens: tokens }: Outcome, { small }: Pair): Asked {
  return {
    id,
    source,
    prompt,
    tools: typeof meta.tools === 'number' ? meta.tools : 0,
    conf: conf?.[small],
    outputTokens: tokens?.[small],
  }
}
