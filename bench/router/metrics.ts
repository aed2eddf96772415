/** A prompt after the trial: what the router wished, and what each model was worth. */
export interface Judged {
  readonly wish: number
  readonly small: number
  readonly strong: number
  /** Dollars, where they are known. */
  readonly smallCost?: number
  readonly strongCost?: number
}

/**
 * Quality (mean score) when the prompts with the highest wish go to the strong model, for 0, 1, ... n of them; and the
 * dollars, where known. Equal wishes come in no order: each has the mean of its group.
 */
export function curveOf(judged: readonly Judged[]): {
  readonly quality: readonly number[]
  readonly dollars: readonly number[]
} {
  const n = judged.length
  const sorted = [...judged].sort((a, b) => b.wish - a.wish)
  const quality = [sum(judged.map(({ small }) => small)) / n]
  const dollars = [sum(judged.map(({ smallCost = 0 }) => smallCost))]
  for (let start = 0; start < n; ) {
    let end = start
    while (end < n && sorted[end]?.wish === sorted[start]?.wish) end++
    const group = sorted.slice(start, end)
    const gain = sum(group.map(({ small, strong }) => strong - small)) / group.length
    const price = sum(group.map(({ smallCost = 0, strongCost = 0 }) => strongCost - smallCost)) / group.length
    for (let i = start; i < end; i++) {
      quality.push((quality.at(-1) ?? 0) + gain / n)
      dollars.push((dollars.at(-1) ?? 0) + price)
    }
    start = end
  }
  return { quality, dollars }
}

/** (mean over x of quality - small) / (strong - small); 0.5 is chance. */
export function apgr(quality: readonly number[]): number {
  const first = quality[0] ?? 0
  const last = quality.at(-1) ?? 0
  const inner = sum(quality.slice(1, -1)) + (first + last) / 2
  return (inner / (quality.length - 1) - first) / (last - first)
}

/** Share of strong calls at which so much of the gap between the two models is closed. */
export function cpt(quality: readonly number[], share: number): number {
  const [first = 0, last = 0] = [quality[0], quality.at(-1)]
  return shareAt(quality, first + share * (last - first))
}

/** Share of strong calls at which so much of the strong model's score is reached. */
export function callsAt(quality: readonly number[], share: number): number {
  return shareAt(quality, share * (quality.at(-1) ?? 0))
}

function shareAt(quality: readonly number[], wanted: number): number {
  const index = quality.findIndex((value) => value >= wanted - 1e-12)
  return (index === -1 ? quality.length - 1 : index) / (quality.length - 1)
}

/** Dollars at that point, as a share of sending everything to the strong model. */
export function dollarsAt({ quality, dollars }: ReturnType<typeof curveOf>, share: number): number | undefined {
  const all = dollars.at(-1) ?? 0
  if (all === 0) return undefined
  const index = quality.findIndex((value) => value >= share * (quality.at(-1) ?? 0) - 1e-12)
  return (dollars[index === -1 ? dollars.length - 1 : index] ?? 0) / all
}

/** Chance that a positive has the higher score, ties half; undefined where one side is empty. */
export function auroc(scores: readonly { readonly score: number; readonly positive: boolean }[]): number | undefined {
  const sorted = [...scores].sort((a, b) => a.score - b.score)
  const positives = scores.filter(({ positive }) => positive).length
  const negatives = scores.length - positives
  if (positives === 0 || negatives === 0) return undefined
  let ranks = 0
  for (let start = 0; start < sorted.length; ) {
    let end = start
    while (end < sorted.length && sorted[end]?.score === sorted[start]?.score) end++
    const rank = (start + 1 + end) / 2
    for (let i = start; i < end; i++) if (sorted[i]?.positive) ranks += rank
    start = end
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** Expected calibration error: mean distance between what was claimed and what was seen, in bins of equal size. */
export function ece(claims: readonly { readonly p: number; readonly seen: number }[], bins = 10): number {
  const sorted = [...claims].sort((a, b) => a.p - b.p)
  let error = 0
  for (let bin = 0; bin < bins; bin++) {
    const members = sorted.slice(
      Math.floor((bin * sorted.length) / bins),
      Math.floor(((bin + 1) * sorted.length) / bins),
    )
    error += Math.abs(sum(members.map(({ p, seen }) => p - seen)))
  }
  return error / Math.max(1, sorted.length)
}

/** Bounds of the middle 95 % of a statistic over resamples with replacement. */
export function bootstrap<Item>(
  items: readonly Item[],
  statistic: (sample: readonly Item[]) => number,
  { resamples, random }: { readonly resamples: number; readonly random: () => number },
): readonly [low: number, high: number] {
  const values = Array.from({ length: resamples }, () =>
    statistic(Array.from(items, () => items[Math.floor(random() * items.length)] as Item)),
  ).sort((a, b) => a - b)
  return [values[Math.floor(resamples * 0.025)] ?? 0, values[Math.ceil(resamples * 0.975) - 1] ?? 0]
}

function sum(values: readonly number[]): number {
  let total = 0
  for (const value of values) total += value
  return total
}
