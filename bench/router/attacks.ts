import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Profile } from '../../src/core/evidence.ts'
import type { ModelCard } from '../../src/core/model.ts'
import { free } from '../../src/core/price.ts'
import { Evidence } from '../../src/evidence/evidence.ts'
import { hopeOf } from '../../src/gateway/steer.ts'
import { Policy } from '../../src/policy/policy.ts'
import { StrongQuota } from '../../src/policy/quota.ts'
import { heuristicComplexity } from '../../src/router/heuristic.ts'
import { readFacts } from '../../src/signals/index.ts'
import { gradablePrompts } from './gradable/prompts.ts'
import { permitted, readOutcomes, seeded, shuffled } from './outcomes.ts'
import { toRequest } from './request.ts'

/**
 * `npm run bench:router:attacks`: how many cheap prompts a caller can move to the paid model by adding to them, and what
 * the quota leaves of the damage. Cheap are prompts that the router gives to the local model first (`--local`: its name tells its size).
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(import.meta.dirname, '../../../shared/outcomes') },
    prompts: { type: 'string', default: '600' },
    local: { type: 'string', default: 'local-1b' },
    json: { type: 'string' },
  },
})

const card = (name: string, backend: ModelCard['backend']): ModelCard => ({
  name,
  provider: 'bench',
  id: name,
  backend,
  maxComplexity: backend === 'local' ? 0.6 : 1,
  auto: true,
  price: free,
  contextTokens: 100_000,
  maxOutputTokens: 4096,
  fixedSampling: false,
  capabilities: [],
  capabilitiesFixed: false,
  dialects: [],
})
const local = card(options.local, 'local')
const strong = card('strong', 'cloud')
const evidence = new Evidence({ models: [local, strong], labels: [], halfLifeDays: 60 })
const policy = new Policy({
  everybody: {
    mode: 'auto',
    quality: undefined,
    maxCost: undefined,
    maxLatency: undefined,
    budget: undefined,
    quota: { strongShare: 1, strongPerHour: 1000 },
  },
  byCaller: new Map(),
  allowance: 0.1,
})

interface Asked {
  readonly prompt: string
  readonly system?: string
}

function factsOf({ prompt, system }: Asked) {
  const request = toRequest({ id: 'x', prompt, tools: 0 })
  const said =
    system === undefined ? [] : [{ role: 'system' as const, content: [{ type: 'text' as const, text: system }] }]
  return readFacts({ ...request, messages: [...said, ...request.messages] })
}

/** As the gateway asks: is the local model tried first? */
function goesLocal(profile: Profile): boolean {
  const option = (model: ModelCard, dollars: number) => ({
    name: model.name,
    backend: model.backend,
    chance: evidence.chance(model, profile),
    dollars,
    tokens: 300,
  })
  return policy.bound({
    caller: '',
    wish: undefined,
    candidate: { ...option(local, 0), hope: hopeOf(evidence, local, profile) },
    strong: option(strong, 0.005),
    judged: true,
  }).tryFirst
}

const routers = {
  heuristic: (asked: Asked) => heuristicComplexity(factsOf(asked)).value <= 0.6,
  'look 1': (asked: Asked) => goesLocal(factsOf(asked).profile),
} as const

const outcomes = [...readOutcomes(options.data)].filter(([source]) => permitted.has(source))
const random = seeded(43)
const pool = [
  ...outcomes.flatMap(([, all]) =>
    shuffled(all, random)
      .slice(0, 400)
      .map(({ prompt }) => prompt),
  ),
  ...gradablePrompts().map(({ prompt }) => prompt),
]
const keywords =
  'Analyze, design, architect, implement, refactor and optimize comprehensively; debug and explain in detail, then build and develop it.'
const padding = 'The weather was fine and nothing else happened on that day in the village by the river. '
/** Pieces that an attacker who has the weights would try, the worst of which is taken for each prompt. */
const candidates = [
  'Prove that x^2 = -1.',
  'Let G be a group; show that the matrix A has an eigenvalue \\lambda.',
  '\\int_0^1 f(x) dx = \\sum_{n=1}^\\infty a_n^2',
  'A. x\nB. y\nC. z\nD. w\nE. v\nF. u\nG. t\nH. s\nI. r\nJ. q',
  'Solve for x: 3x^2 - 7x + 11 = 0. Find the derivative of x^5 sin(x).',
  'theorem lemma polynomial integral derivative eigenvalue topology',
  'differential equation entropy enthalpy kJ mol resistance ohm velocity',
  '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20',
]
const attacks: Readonly<Record<string, (prompt: string) => readonly Asked[]>> = {
  'keywords behind': (prompt) => [{ prompt: `${prompt} ${keywords}` }],
  'keywords before': (prompt) => [{ prompt: `${keywords} ${prompt}` }],
  'white box: the worst of 24': (prompt) =>
    candidates.flatMap((piece) => [
      { prompt: `${prompt}\n${piece}` },
      { prompt: `${piece}\n${prompt}` },
      { prompt: `${piece} ${prompt} ${piece}` },
    ]),
  'padding to 16 kB': (prompt) => [{ prompt: `${prompt} ${padding.repeat(200)}`.slice(0, 16_000) }],
  'padding before': (prompt) => [{ prompt: `${padding.repeat(200).slice(0, 15_000)} ${prompt}` }],
  typos: (prompt) => [{ prompt: withTypos(prompt) }],
  'polite prefix': (prompt) => [
    {
      prompt: `Good day! I hope that you are well. If it is not too much trouble, could you please help me with this? ${prompt}`,
    },
  ],
  'system prompt noise': (prompt) => [{ prompt, system: `${keywords} ${candidates.join(' ')} `.repeat(20) }],
}

function withTypos(prompt: string): string {
  const letters = [...prompt]
  for (let i = 1; i < letters.length - 1; i++) {
    if (random() < 0.06 && /\p{L}/u.test(letters[i] ?? '')) {
      const held = letters[i] ?? ''
      letters[i] = letters[i + 1] ?? ''
      letters[i + 1] = held
      i++
    }
  }
  return letters.join('')
}

for (const [name, isLocal] of Object.entries(routers)) {
  const share = pool.filter((prompt) => isLocal({ prompt })).length / pool.length
  console.log(`${name}: ${(100 * share).toFixed(0)} % of ${pool.length} prompts go to the local model first`)
}
const report: { router: string; attack: string; moved: number }[] = []
console.log(
  `${'attack'.padEnd(30)} ${Object.keys(routers)
    .map((name) => `${name}: moved up`.padStart(24))
    .join(' ')}`,
)
const cheap = Object.fromEntries(
  Object.entries(routers).map(([name, isLocal]) => [
    name,
    shuffled(
      pool.filter((prompt) => isLocal({ prompt })),
      seeded(47),
    ).slice(0, Number(options.prompts)),
  ]),
)
for (const [attack, variants] of Object.entries(attacks)) {
  const shares = Object.entries(routers).map(([name, isLocal]) => {
    const prompts = cheap[name] ?? []
    const moved = prompts.filter((prompt) => variants(prompt).some((asked) => !isLocal(asked))).length
    report.push({ router: name, attack, moved: moved / prompts.length })
    return `${((100 * moved) / prompts.length).toFixed(1)} % of ${prompts.length}`.padStart(24)
  })
  console.log(`${attack.padEnd(30)} ${shares.join(' ')}`)
}

/** A caller who gets every prompt through, at one a second for a day. */
const dollars = 0.01
let now = Date.UTC(2026, 0, 5)
const quota = new StrongQuota({ strongShare: 0.3, strongPerHour: 500, now: () => now })
let calls = 0
const requests = 86_400
for (let i = 0; i < requests; i++) {
  now += 1000
  quota.saw('attacker')
  if (quota.refusal('attacker') !== undefined) continue
  quota.spent('attacker')
  calls++
}
console.log(
  `\nquota of 500 an hour and 30 %: ${requests} requests in a day that all look hard cost $${(calls * dollars).toFixed(2)} instead of $${(requests * dollars).toFixed(2)} (${calls} strong calls)`,
)
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ report, calls, requests }, undefined, 1))
