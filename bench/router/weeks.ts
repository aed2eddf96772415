import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Label, Profile, TaskKind } from '../../src/core/evidence.ts'
import type { ModelCard } from '../../src/core/model.ts'
import { free } from '../../src/core/price.ts'
import { Evidence } from '../../src/evidence/evidence.ts'
import { type Option, Policy } from '../../src/policy/policy.ts'
import { seeded } from './outcomes.ts'

/**
 * `npm run bench:router:weeks`: twenty weeks of made-up traffic through the real evidence and policy. The world knows the
 * truth of every reply; the router sees a confidence that tells right from wrong as well as an 8B model's does, two
 * feedbacks and five comparisons in a hundred. Week 7: the local model becomes worse at two kinds of task. Week 9: the
 * strong model's price rises by half. Week 12: the traffic is another. Week 14: the strong model is away for a day.
 */
const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    requests: { type: 'string', default: '3000' },
    target: { type: 'string', multiple: true, default: ['0.9', '0.95'] },
    json: { type: 'string' },
  },
})
const requestsAWeek = Number(options.requests)
const weeks = 20
const dayMs = 86_400_000
const weekMs = 7 * dayMs
/** A Monday. */
const begin = Date.UTC(2026, 0, 5)
const feedbackShare = 0.02
const shadowShare = 0.05

interface Kind {
  readonly task: TaskKind
  /** Chance that the local model is right, before and after week 7, and that the strong one is. */
  readonly local: readonly [number, number]
  readonly strong: number
  /** Share of the traffic, before and after week 12. */
  readonly share: readonly [number, number]
}
const kinds: readonly Kind[] = [
  { task: 'fact', local: [0.8, 0.8], strong: 0.95, share: [0.3, 0.15] },
  { task: 'arithmetic', local: [0.88, 0.7], strong: 0.96, share: [0.2, 0.15] },
  { task: 'explain', local: [0.6, 0.6], strong: 0.85, share: [0.2, 0.3] },
  { task: 'code', local: [0.55, 0.4], strong: 0.85, share: [0.1, 0.25] },
  { task: 'summarize', local: [0.85, 0.85], strong: 0.92, share: [0.2, 0.15] },
]

const card = (name: string, backend: ModelCard['backend'], maxComplexity: number): ModelCard => ({
  name,
  provider: 'bench',
  id: name,
  backend,
  maxComplexity,
  auto: true,
  price: free,
  contextTokens: 8192,
  maxOutputTokens: 1024,
  fixedSampling: false,
  capabilities: [],
  capabilitiesFixed: false,
  dialects: [],
})
const localCard = card('local-8b', 'local', 0.6)
const strongCard = card('strong', 'cloud', 1)

interface Week {
  readonly week: number
  readonly quality: number
  readonly calls: number
  readonly dollars: number
}

interface Setting {
  readonly seed: number
  /** Undefined ships what look 2 gives at least this chance, whatever comes: the uncontrolled threshold. */
  readonly target: number | undefined
  readonly fixed?: number
  readonly budget?: number
}

/** Two normal numbers that tell right from wrong with an AUROC of about 0.74 have means 0.9 deviations apart. */
function confidenceOf(right: boolean, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return -Math.exp(-1.5 - (right ? 0.45 : -0.45) + normal)
}

function run({ seed, target, fixed, budget }: Setting): readonly Week[] {
  const random = seeded(seed)
  let now = begin
  const evidence = new Evidence({ models: [localCard, strongCard], labels: [], halfLifeDays: 60 })
  const policy = new Policy({
    everybody: {
      mode: 'auto',
      quality: target,
      maxCost: undefined,
      maxLatency: undefined,
      budget: budget === undefined ? undefined : { dollars: budget, period: 'week' },
      quota: { strongShare: 1, strongPerHour: 1e9 },
    },
    byCaller: new Map(),
    allowance: 0.1,
    now: () => now,
  })
  return Array.from({ length: weeks }, (_, index) => {
    const week = index + 1
    const dollarsOfCall = week >= 9 ? 0.0075 : 0.005
    let sum = 0
    let best = 0
    let calls = 0
    let dollars = 0
    for (let i = 0; i < requestsAWeek; i++) {
      now = begin + index * weekMs + Math.floor((i / requestsAWeek) * weekMs)
      const away = week === 14 && i > requestsAWeek / 2 && i <= requestsAWeek / 2 + requestsAWeek / 7
      const kind = drawn(kinds, (each) => each.share[week >= 12 ? 1 : 0], random())
      const harder = (random() - 0.5) * 1.2
      const moved = (p: number) => 1 / (1 + Math.exp(-Math.log(p / (1 - p)) + harder))
      const right = random() < moved(kind.local[week >= 7 ? 1 : 0])
      const strongRight = random() < moved(kind.strong)
      const profile: Profile = {
        cell: { task: kind.task, length: 'medium', language: 'en', turn: 'first' },
        certainty: 0.9,
        parts: [],
        // Look 1 sees a little of what makes a request hard.
        difficulty: harder * 0.4,
        familiarity: 1,
        sketch: [],
      }
      const mean = confidenceOf(right, random)
      const check = {
        confidence: { mean, lowestWindow: mean * 2, lowest: mean * 4, tokens: 60 },
        findings: [],
        partial: false,
      }
      best += Number(strongRight)
      const weigh = (model: ModelCard, cost: number): Option => ({
        name: model.name,
        backend: model.backend,
        chance: evidence.chance(model, profile),
        dollars: cost,
        tokens: 200,
      })
      const strong = weigh(strongCard, dollarsOfCall)
      const candidate = weigh(localCard, 0)
      const bound = policy.bound({ caller: '', wish: undefined, candidate, strong, judged: true })
      const p = evidence.judge(localCard, profile, check)
      const tried = bound.tryFirst || fixed !== undefined
      const wanted = fixed === undefined ? !tried || strong.chance.p - p > bound.allowance : p < fixed
      const banned = away || policy.ban('', undefined, dollarsOfCall) !== undefined
      // Reserved is what the call may cost at most, and it mostly costs less.
      const reservation = wanted && !banned ? policy.reserve('', dollarsOfCall * 2) : undefined
      const ships = reservation === undefined
      if (target !== undefined) policy.pacerOf(target).saw({ local: p, strong: strong.chance.p })
      if (reservation !== undefined) {
        const cost = dollarsOfCall * (0.5 + random())
        reservation.settle(cost)
        dollars += cost
        calls++
      }
      sum += Number(ships ? right : strongRight)

      const label = (more: Partial<Label>): Label => ({
        id: `${week}/${i}/${more.source}`,
        at: now,
        model: localCard.name,
        source: 'feedback',
        good: Number(right),
        weight: 1,
        requestId: '',
        client: '',
        cell: profile.cell,
        difficulty: profile.difficulty,
        sketch: [],
        check,
        ...more,
      })
      if (random() < feedbackShare) {
        if (ships) evidence.learn(label({}))
        else evidence.learn(label({ model: strongCard.name, good: Number(strongRight) }))
      }
      if (ships && !away && random() < shadowShare) {
        evidence.learn(label({ source: 'shadow', strong: { model: strongCard.name, good: Number(strongRight) } }))
        if (target !== undefined) {
          policy
            .pacerOf(target)
            .audit({ local: Number(right), strong: Number(strongRight), claimed: p, claimedStrong: strong.chance.p })
        }
      }
    }
    return { week, quality: sum / best, calls: calls / requestsAWeek, dollars }
  })
}

function drawn<Item>(items: readonly Item[], shareOf: (item: Item) => number, at: number): Item {
  let sum = 0
  for (const item of items) {
    sum += shareOf(item)
    if (at < sum) return item
  }
  return items.at(-1) as Item
}

const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => 101 + index)
const percent = (value: number) => `${(value * 100).toFixed(1)} %`
const report: unknown[] = []

for (const target of options.target.map(Number)) {
  const runs = seeds.map((seed) => run({ seed, target }))
  const all = runs.flat()
  const missed = all.filter(({ quality }) => quality < target)
  const worst = Math.min(...all.map(({ quality }) => quality))
  const calls = mean(all.map((week) => week.calls))
  console.log(
    `target ${percent(target)}: missed in ${missed.length} of ${all.length} weeks (${percent(missed.length / all.length)}), worst week ${percent(worst)}, mean ${percent(mean(all.map(({ quality }) => quality)))}; ${percent(calls)} strong calls`,
  )
  console.log(
    `  weeks missed: ${
      [...new Set(missed.map(({ week }) => week))]
        .sort((a, b) => a - b)
        .map((week) => `${week} (${missed.filter((entry) => entry.week === week).length})`)
        .join(', ') || 'none'
    }`,
  )
  const line = Array.from({ length: weeks }, (_, index) =>
    percent(mean(all.filter(({ week }) => week === index + 1).map(({ quality }) => quality))),
  )
  console.log(`  mean by week: ${line.join(' ')}`)
  report.push({ target, missed: missed.length, weeks: all.length, worst, calls })
}
for (const fixed of [0.5, 0.6, 0.7]) {
  const all = seeds.flatMap((seed) => run({ seed, target: undefined, fixed }))
  const under = (target: number) => percent(all.filter(({ quality }) => quality < target).length / all.length)
  console.log(
    `fixed threshold ${fixed}: under 90 % in ${under(0.9)} of the weeks, under 95 % in ${under(0.95)}; ${percent(mean(all.map(({ calls }) => calls)))} strong calls`,
  )
}
const budget = 3
const paid = seeds.flatMap((seed) => run({ seed, target: 0.95, budget }))
const over = Math.max(...paid.map(({ dollars }) => dollars / budget - 1))
console.log(
  `budget of $${budget} a week with a target of 95 %: spent ${percent(mean(paid.map(({ dollars }) => dollars / budget)))} on average, ${percent(Math.max(...paid.map(({ dollars }) => dollars / budget)))} at most (overshoot ${percent(Math.max(0, over))}); quality ${percent(mean(paid.map(({ quality }) => quality)))}`,
)
report.push({ budget, overshoot: Math.max(0, over) })
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(report, undefined, 1))

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
