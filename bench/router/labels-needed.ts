import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Compared, operatingPoint } from '../../src/evidence/operating-point.ts'
import { QualityPacer } from '../../src/policy/quality.ts'
import { askedOf, type Known, type Pair } from './contender.ts'
import { both } from './contenders/looks.ts'
import { type Outcome, permitted, plainPrompt, readOutcomes, seeded, shuffled } from './outcomes.ts'
import { pairsOf } from './pairs.ts'

/**
 * `npm run bench:router:labels`: how many labels make a quality target come true. An operator has n labels of the
 * traffic, drawn by chance, and nothing else; the threshold that follows from them is then tried on all the rest.
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(import.meta.dirname, '../../../shared/outcomes') },
    source: { type: 'string', multiple: true },
    target: { type: 'string', default: '0.95' },
    labels: { type: 'string', multiple: true, default: ['20', '50', '100', '200', '400'] },
    draws: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
})
const target = Number(options.target)
const counts = options.labels.map(Number)
const draws = Number(options.draws)
const folds = 5
/** So many labels come between two fits of the running gateway. */
const refit = 10

interface Drawn {
  /** Judged by evidence made of the other labels. */
  readonly labels: readonly Compared[]
  /** Judged by the evidence that was there when they came, as a gateway does that learns while it runs. */
  readonly claims: readonly Compared[]
  /** All else, judged by evidence made of all labels. */
  readonly rest: readonly Compared[]
}

interface Rule {
  readonly name: string
  /** Which of the rest ship. */
  readonly ships: (drawn: Drawn) => readonly boolean[]
}

const within = (rest: readonly Compared[], allowance: number) =>
  rest.map(({ pLocal, pStrong }) => pStrong - pLocal <= allowance)

function paced(pacer: QualityPacer, audited: readonly Compared[], rest: readonly Compared[]): readonly boolean[] {
  const ships = ({ pLocal, pStrong }: Compared) => {
    const shipped = pStrong - pLocal <= pacer.allowance(pStrong)
    pacer.saw({ local: pLocal, strong: pStrong })
    return shipped
  }
  for (const sample of audited) {
    const { pLocal, pStrong, local, strong } = sample
    if (ships(sample)) pacer.audit({ local, strong, claimed: pLocal, claimedStrong: pStrong })
  }
  return rest.map(ships)
}

const rules: readonly Rule[] = [
  {
    // What everybody would do first: the loosest threshold that kept the target on the labels.
    name: 'labels alone',
    ships: ({ labels, rest }) => within(rest, loosest(labels)),
  },
  {
    name: 'operating point',
    ships: ({ labels, rest }) => within(rest, operatingPoint({ samples: labels, target })?.allowance ?? -1),
  },
  {
    name: 'each reply by itself',
    ships: ({ rest }) => rest.map(({ pLocal, pStrong }) => pStrong - pLocal <= (1 - target) * pStrong),
  },
  { name: 'pacer', ships: ({ claims, rest }) => paced(new QualityPacer({ target }), claims, rest) },
  { name: 'pacer, new claims', ships: ({ labels, rest }) => paced(new QualityPacer({ target }), labels, rest) },
]

function loosest(labels: readonly Compared[]): number {
  const room = (1 - target) * labels.reduce((sum, { strong }) => sum + strong, 0)
  const sorted = labels
    .map(({ pLocal, pStrong, local, strong }) => ({ difference: pStrong - pLocal, loss: strong - local }))
    .sort((a, b) => a.difference - b.difference)
  let lost = 0
  let allowance = -1
  for (const { difference, loss } of sorted) {
    lost += loss
    if (lost <= room) allowance = difference
  }
  return allowance
}

async function judged(pair: Pair, known: readonly Known[], asked: readonly Known[]): Promise<readonly Compared[]> {
  const scorer = await both.prepare(pair, known)
  return Promise.all(
    asked.map(async (item) => {
      const pLocal = scorer.chance?.(item.asked) ?? 0.5
      return { pLocal, pStrong: (await scorer.wish(item.asked)) + pLocal, local: item.small, strong: item.strong }
    }),
  )
}

async function draw(pair: Pair, order: readonly Known[], count: number): Promise<Drawn> {
  const known = order.slice(0, count)
  const same = new Set(known.map(({ asked }) => plainPrompt(asked.prompt)))
  const rest = order.slice(count).filter(({ asked }) => !same.has(plainPrompt(asked.prompt)))
  const labels: Compared[] = []
  for (let fold = 0; fold < folds; fold++) {
    const others = known.filter((_, index) => index % folds !== fold)
    labels.push(
      ...(await judged(
        pair,
        others,
        known.filter((_, index) => index % folds === fold),
      )),
    )
  }
  const claims: Compared[] = []
  for (let from = 0; from < count; from += refit) {
    claims.push(...(await judged(pair, known.slice(0, from), known.slice(from, from + refit))))
  }
  return { labels, claims, rest: await judged(pair, known, rest) }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
const percent = (value: number) => `${(value * 100).toFixed(1)} %`.padStart(7)

const all = readOutcomes(options.data)
const fitted = new Set(
  [...all].flatMap(([source, outcomes]) =>
    permitted.has(source) ? outcomes.map(({ prompt }) => plainPrompt(prompt)) : [],
  ),
)
const report: unknown[] = []
for (const [source, every] of all) {
  if (options.source !== undefined && !options.source.includes(source)) continue
  const outcomes = permitted.has(source) ? every : every.filter(({ prompt }) => !fitted.has(plainPrompt(prompt)))
  for (const pair of pairsOf(source, outcomes)) await tryPair(pair, outcomes)
}
if (report.length === 0) throw new Error('nothing was tried: no source of that name')
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(report, undefined, 1))

async function tryPair(pair: Pair, outcomes: readonly Outcome[]): Promise<void> {
  const usable = outcomes.flatMap((outcome): readonly Known[] => {
    const [small, strong] = [outcome.scores[pair.small], outcome.scores[pair.strong]]
    if (small === undefined || strong === undefined || !Number.isFinite(small + strong)) return []
    return [{ asked: askedOf(outcome, pair), small, strong }]
  })
  const looks = usable.some(({ asked }) => asked.conf !== undefined) ? 'both looks' : 'look 1'
  console.log(`\n${pair.source}: ${pair.small} or ${pair.strong}, ${looks}, target ${percent(target).trim()}`)
  for (const count of counts.filter((wanted) => wanted * 2 <= usable.length)) {
    const drawn = await Promise.all(
      Array.from({ length: draws }, (_, seed) => draw(pair, shuffled(usable, seeded(100 + seed)), count)),
    )
    for (const { name, ships } of rules) {
      const tried = drawn.map((each) => outcomeOf(each.rest, ships(each)))
      const qualities = tried.map(({ quality }) => quality)
      const line = {
        quality: mean(qualities),
        worst: Math.min(...qualities),
        missed: qualities.filter((quality) => quality < target).length,
        calls: mean(tried.map(({ calls }) => calls)),
      }
      console.log(
        `${String(count).padStart(4)} labels  ${name.padEnd(20)} quality ${percent(line.quality)}, worst ${percent(line.worst)}, under the target in ${line.missed} of ${draws}; ${percent(line.calls)} strong calls`,
      )
      report.push({ ...pair, looks, labels: count, rule: name, ...line })
    }
  }
}

function outcomeOf(rest: readonly Compared[], ships: readonly boolean[]) {
  const quality = mean(rest.map(({ local, strong }, at) => (ships[at] ? local : strong)))
  return {
    quality: quality / mean(rest.map(({ strong }) => strong)),
    calls: mean(ships.map((shipped) => Number(!shipped))),
  }
}
