import { parseArgs } from 'node:util'
import type { Label } from '../../src/core/evidence.ts'
import type { ModelCard } from '../../src/core/model.ts'
import { free } from '../../src/core/price.ts'
import type { ChatRequest } from '../../src/core/request.ts'
import { Evidence } from '../../src/evidence/evidence.ts'
import { hopeOf } from '../../src/gateway/steer.ts'
import { Policy } from '../../src/policy/policy.ts'
import { decide } from '../../src/router/decide.ts'
import type { Steering } from '../../src/router/steering.ts'
import { readFacts } from '../../src/signals/index.ts'

/** `npm run bench:router:time`: what a whole decision costs, facts included, for prompts of several sizes. */
const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3000' }, json: { type: 'boolean', default: false } },
})
const rounds = Number(options.rounds)

const card = (name: string, backend: ModelCard['backend'], dollars: number): ModelCard => ({
  name,
  provider: 'bench',
  id: name,
  backend,
  maxComplexity: backend === 'local' ? 0.5 : 1,
  auto: true,
  price:
    dollars === 0
      ? free
      : {
          known: true,
          rates: {
            input: dollars,
            output: dollars * 5,
            cacheRead: dollars / 10,
            cacheWrite: dollars,
            cacheWriteHour: dollars,
          },
          version: 'bench',
          source: 'bench',
        },
  contextTokens: 200_000,
  maxOutputTokens: 8192,
  fixedSampling: false,
  capabilities: [],
  capabilitiesFixed: false,
  dialects: [],
})
const models = [
  card('tiny-1b', 'local', 0),
  card('small-8b', 'local', 0),
  card('mid', 'cloud', 1),
  card('strong', 'cloud', 3),
]

const words =
  'Please explain how the delivery of 14 parcels to the warehouse in Hamburg was planned, and write a function that sorts the list by price; the report says that costs rose by 12 percent, while customers complained about delays. '
const promptOf = (bytes: number, index: number): string =>
  `${index} ${words.repeat(Math.ceil(bytes / words.length))}`.slice(0, bytes)

/** A store that has seen something: corrections and calibrations are at work. */
const labels = models.slice(0, 2).flatMap((model) =>
  Array.from({ length: 400 }, (_, index): Label => {
    const { profile } = readFacts(requestOf(promptOf(80 + index * 3, index)))
    return {
      id: `${model.name}/${index}`,
      at: 0,
      model: model.name,
      source: 'feedback',
      good: index % 3 === 0 ? 0 : 1,
      weight: 1,
      requestId: '',
      client: '',
      cell: profile.cell,
      difficulty: profile.difficulty,
      sketch: profile.sketch,
    }
  }),
)
const evidence = new Evidence({ models, labels, halfLifeDays: 60 })
const policy = new Policy({
  everybody: {
    mode: 'auto',
    quality: 0.95,
    maxCost: undefined,
    maxLatency: undefined,
    budget: { dollars: 100, period: 'month' },
    quota: { strongShare: 1, strongPerHour: 1e6 },
  },
  byCaller: new Map(),
  allowance: 0.1,
})
const dollarsOf = (cost: number | undefined) => (cost === undefined ? undefined : cost / 1e9)
const steering: Steering = {
  chance: (model, profile) => evidence.chance(model, profile),
  judges: ({ backend }) => backend === 'local',
  threshold: ({ request, profile, candidate, strong }) => {
    const option = ({ model, cost, chance }: typeof candidate) => ({
      name: model.name,
      backend: model.backend,
      chance,
      dollars: dollarsOf(cost),
      tokens: 300,
    })
    return policy.bound({
      caller: '',
      wish: request.routing,
      candidate: { ...option(candidate), hope: hopeOf(evidence, candidate.model, profile) },
      strong: option(strong),
      judged: true,
    })
  },
  ban: ({ cost }, request) => policy.ban('', request.routing, dollarsOf(cost)),
  stay: () => undefined,
}
const catalog = { models, availability: () => ({ available: true, reason: '' }), steering }
const router = {
  useLocalForSimple: true,
  complexityThreshold: undefined,
  unknownPrice: 'flag',
  expectedOutputTokens: 500,
  aliases: {},
} as const

function requestOf(prompt: string): ChatRequest {
  return {
    id: 'bench',
    dialect: 'native',
    model: 'auto',
    messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
    stream: false,
    caching: 'off',
  }
}

const results = [100, 2000, 16_000, 64_000].map((bytes) => {
  const times: number[] = []
  for (let round = -500; round < rounds; round++) {
    const request = requestOf(promptOf(bytes, round + 500))
    const start = process.hrtime.bigint()
    decide(request, readFacts(request), catalog, router)
    if (round >= 0) times.push(Number(process.hrtime.bigint() - start) / 1e6)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0
  return { bytes, p50: at(0.5), p99: at(0.99) }
})
if (options.json) console.log(JSON.stringify(results))
else {
  console.log(`${rounds} decisions among ${models.length} models each, ${labels.length} labels; milliseconds`)
  for (const { bytes, p50, p99 } of results) {
    console.log(`${String(bytes).padStart(6)} B   p50 ${p50.toFixed(3)}   p99 ${p99.toFixed(3)}`)
  }
}
