import { askedOf, type Contender, type Known, type Pair } from './contender.ts'
import { apgr, auroc, bootstrap, callsAt, cpt, curveOf, dollarsAt, ece, type Judged } from './metrics.ts'
import { type Outcome, plainPrompt, seeded, shuffled } from './outcomes.ts'

/** `shipped`: with nothing but what the gateway brings. A number: so many labels of the operator's own, `all`: all. */
export type Labels = 'shipped' | 'all' | number

export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface Verdict {
  readonly source: string
  readonly small: string
  readonly strong: string
  readonly contender: string
  readonly labels: Labels
  readonly prompts: number
  readonly smallScore: number
  readonly strongScore: number
  readonly apgr: Interval
  readonly cpt50: number
  readonly cpt80: number
  readonly cpt95: number
  readonly calls95: Interval
  readonly calls98: number
  readonly dollars95: number | undefined
  readonly dollars98: number | undefined
  readonly auroc: number | undefined
  readonly ece: number | undefined
}

/** One prompt of a trial, with what the router claimed. */
export type Row = Judged & { readonly p: number | undefined; readonly id: string }

export const folds = 5

/**
 * What a contender says to every prompt. One that learns is fitted on the other folds and never sees the one it is
 * judged on, nor a prompt of the same words.
 */
export async function rowsOf(
  contender: Contender,
  pair: Pair,
  { outcomes, labels }: { readonly outcomes: readonly Outcome[]; readonly labels: Labels },
): Promise<readonly Row[]> {
  const usable = outcomes.filter(
    ({ scores }) => Number.isFinite(scores[pair.small]) && Number.isFinite(scores[pair.strong]),
  )
  const known = usable.map((outcome): Known & { readonly outcome: Outcome } => ({
    outcome,
    asked: askedOf(outcome, pair),
    small: outcome.scores[pair.small] ?? 0,
    strong: outcome.scores[pair.strong] ?? 0,
  }))
  const random = seeded(3)
  const order = shuffled(known, random)
  const parts =
    labels === 'shipped' ? [order] : Array.from({ length: folds }, (_, k) => order.filter((_, i) => i % folds === k))
  const rows: Row[] = []
  for (const part of parts) {
    const own = new Set(part.map(({ asked }) => plainPrompt(asked.prompt)))
    const others = labels === 'shipped' ? [] : order.filter((item) => !own.has(plainPrompt(item.asked.prompt)))
    const revealed = typeof labels === 'number' ? others.slice(0, labels) : others
    const scorer = await contender.prepare(pair, revealed)
    for (const { asked, small, strong, outcome } of part) {
      const wish = await scorer.wish(asked)
      const smallCost = outcome.cost_usd?.[pair.small]
      const strongCost = outcome.cost_usd?.[pair.strong]
      rows.push({
        id: asked.id,
        wish,
        p: scorer.chance?.(asked),
        small,
        strong,
        ...(smallCost !== undefined && strongCost !== undefined && { smallCost, strongCost }),
      })
    }
  }
  return rows
}

export function verdictOf(
  rows: readonly Row[],
  { contender, pair, labels, resamples }: { contender: string; pair: Pair; labels: Labels; resamples: number },
): Verdict {
  const curve = curveOf(rows)
  const { quality } = curve
  const interval = (value: number, statistic: (sample: readonly Row[]) => number): Interval => {
    const [low, high] = bootstrap(rows, statistic, { resamples, random: seeded(17) })
    return { value, low, high }
  }
  const claims = rows.flatMap(({ p, small }) => (p === undefined ? [] : [{ p, seen: small }]))
  return {
    source: pair.source,
    small: pair.small,
    strong: pair.strong,
    contender,
    labels,
    prompts: rows.length,
    smallScore: quality[0] ?? 0,
    strongScore: quality.at(-1) ?? 0,
    apgr: interval(apgr(quality), (sample) => apgr(curveOf(sample).quality)),
    cpt50: cpt(quality, 0.5),
    cpt80: cpt(quality, 0.8),
    cpt95: cpt(quality, 0.95),
    calls95: interval(callsAt(quality, 0.95), (sample) => callsAt(curveOf(sample).quality, 0.95)),
    calls98: callsAt(quality, 0.98),
    dollars95: dollarsAt(curve, 0.95),
    dollars98: dollarsAt(curve, 0.98),
    auroc: auroc(rows.map(({ wish, small, strong }) => ({ score: wish, positive: strong >= 0.5 && small < 0.5 }))),
    ece: claims.length === 0 ? undefined : ece(claims),
  }
}

/** How much larger the first's APGR is on the same prompts, and the bounds of that. */
export function differenceOf(first: readonly Row[], second: readonly Row[], resamples: number): Interval {
  const other = new Map(second.map((row) => [row.id, row]))
  const joined = first.flatMap((row) => {
    const match = other.get(row.id)
    return match === undefined ? [] : [{ row, match }]
  })
  const statistic = (sample: typeof joined) =>
    apgr(curveOf(sample.map(({ row }) => row)).quality) - apgr(curveOf(sample.map(({ match }) => match)).quality)
  const [low, high] = bootstrap(joined, (sample) => statistic([...sample]), { resamples, random: seeded(19) })
  return { value: statistic(joined), low, high }
}
