import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { createKey } from './admin.ts'
import { ask, type Outcome, quantile } from './client.ts'
import { type Lab, openLab, type Part } from './lab.ts'
import type { Weather } from './weather.ts'

/**
 * Breaks one part after another under load and prints what clients saw. Arrivals come at a fixed rate, whatever the
 * answers do, so that a gateway that stalls is not asked less.
 */

const { values: options } = parseArgs({
  options: {
    'per-second': { type: 'string', default: '40' },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '8' },
  },
})
const everyMs = 1000 / Number(options['per-second'])
const calm: Weather = { words: [5, 30], delayMs: 2 }

interface Trouble {
  readonly part: string
  readonly fault: string
  readonly begin: (lab: Lab) => Promise<unknown> | unknown
  readonly end: (lab: Lab) => Promise<unknown> | unknown
}

function partTroubles(
  part: string,
  of: (lab: Lab) => Part,
  slow?: (lab: Lab, ms: number) => unknown,
): readonly Trouble[] {
  const slowed = slow ?? (() => {})
  return [
    { part, fault: 'stopped, started again', begin: (lab) => of(lab).kill(), end: (lab) => of(lab).start() },
    { part, fault: 'paused (SIGSTOP)', begin: (lab) => of(lab).pause(), end: (lab) => of(lab).resume() },
    { part, fault: 'slowed by 200 ms', begin: (lab) => slowed(lab, 200), end: (lab) => slowed(lab, 0) },
    {
      part,
      fault: 'restarted at once',
      begin: async (lab) => {
        await of(lab).kill()
        await of(lab).start()
      },
      end: () => {},
    },
  ]
}

function cloudTrouble(fault: string, weather: Weather): Trouble {
  return {
    part: 'cloud',
    fault,
    begin: (lab) => lab.cloud.weather({ ...calm, ...weather }),
    end: (lab) => lab.cloud.weather(calm),
  }
}

const overloaded = { type: 'overloaded_error', message: 'Overloaded' }
const troubles: readonly Trouble[] = [
  ...partTroubles(
    'Redis',
    ({ redis }) => redis,
    ({ redis }, ms) => redis.slow(ms),
  ),
  ...partTroubles(
    'PostgreSQL',
    ({ postgres }) => postgres,
    ({ postgres }, ms) => postgres.slow(ms),
  ),
  ...partTroubles(
    'Qdrant',
    ({ qdrant }) => qdrant,
    ({ qdrant }, ms) => qdrant.slow(ms),
  ),
  ...partTroubles(
    'Ollama',
    ({ ollama }) => ollama,
    ({ ollama }, ms) => ollama.weather({ ...calm, delayMs: ms === 0 ? 2 : 200 }),
  ),
  cloudTrouble('429 with Retry-After 1', {
    failure: {
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '1' },
      body: { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } },
    },
  }),
  cloudTrouble('half of them 500', {
    share: 0.5,
    failure: { kind: 'status', status: 500, body: { type: 'error', error: { type: 'api_error', message: 'oops' } } },
  }),
  cloudTrouble('529', {
    failure: { kind: 'status', status: 529, body: { type: 'error', error: overloaded } },
  }),
  cloudTrouble('overloaded within a stream, before content', {
    failure: { kind: 'error-event', afterChunks: 0, error: overloaded },
  }),
  cloudTrouble('hangs', { failure: { kind: 'no-headers' } }),
  cloudTrouble('cuts streams in the middle', { failure: { kind: 'cut', afterChunks: 3 } }),
]

const answered: Outcome[] = []
const wanted = troubles.filter(({ part, fault }) => `${part} ${fault}`.includes(options.only))
const lab = await openLab({ qdrant: true, config: { semantic_cache: { enabled: true } } })
try {
  const { key } = await createKey(lab, { name: 'chaos', budgets: [{ dollars: 1000, period: 'day' }] })
  await Promise.all([lab.cloud.weather(calm), lab.ollama.weather(calm)])
  console.log(
    '| part | trouble | answered | refused cleanly | broken | p50 | p95 | usual p50, p95 | back to usual after |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  for (const trouble of wanted) await row(lab, key, trouble)
  await ledgerHasAll(lab)
} finally {
  await lab.close()
}

async function row(lab: Lab, key: string, { part, fault, begin, end }: Trouble): Promise<void> {
  const arrivals = arrive(lab, key)
  await sleep(4000)
  const usual = arrivals.take()
  await begin(lab)
  await sleep(Number(options.seconds) * 1000)
  const during = arrivals.take()
  await end(lab)
  const endedAt = performance.now()
  await sleep(10_000)
  const after = arrivals.take()
  arrivals.stop()
  const [before, meanwhile, later] = await Promise.all([usual, during, after].map((list) => Promise.all(list)))
  if (before === undefined || meanwhile === undefined || later === undefined) return
  answered.push(...[...before, ...meanwhile, ...later].filter(({ kind }) => kind === 'answer'))
  const share = (kind: Outcome['kind']) =>
    `${((100 * meanwhile.filter((outcome) => outcome.kind === kind).length) / meanwhile.length).toFixed(1)} %`
  const codes = new Set(meanwhile.filter(({ kind }) => kind !== 'answer').map(({ code }) => code))
  const limit = Math.max(2 * ms(before, 0.95), 100)
  const bad = later.findLast(({ kind, ms: took }) => kind !== 'answer' || took > limit)
  const back = bad === undefined ? 0 : Math.max(0, (bad.at - endedAt) / 1000)
  console.log(
    `| ${part} | ${fault} | ${share('answer')} | ${share('refusal')} ${[...codes].join(', ')} | ${share('broken')} | ${ms(meanwhile, 0.5).toFixed(0)} ms | ${ms(meanwhile, 0.95).toFixed(0)} ms | ${ms(before, 0.5).toFixed(0)}, ${ms(before, 0.95).toFixed(0)} ms | ${back.toFixed(1)} s |`,
  )
}

function ms(outcomes: readonly Outcome[], share: number): number {
  return quantile(
    outcomes.filter(({ kind }) => kind === 'answer').map(({ ms: took }) => took),
    share,
  )
}

/** Requests that arrive at a fixed rate until `stop`; `take` gives those that came since it was last asked. */
function arrive(lab: Lab, key: string) {
  let list: Promise<Outcome>[] = []
  let turn = 0
  const timer = setInterval(() => {
    turn++
    const kind = turn % 4
    const prompt =
      kind === 0 ? 'What is the capital of France?' : `What is ${turn} plus ${Math.floor(performance.now())}?`
    list.push(ask(lab.pool, { key, prompt, model: kind === 1 ? 'claude' : 'auto', stream: turn % 2 === 0 }))
  }, everyMs)
  return {
    take() {
      const taken = list
      list = []
      return taken
    },
    stop: () => clearInterval(timer),
  }
}

/** An answer that was given has a row, whatever was broken meanwhile. */
async function ledgerHasAll(lab: Lab): Promise<void> {
  await sleep(5000)
  const client = new Client({ connectionString: lab.postgres.url })
  await client.connect()
  const { rows } = await client.query("SELECT id FROM requests WHERE status = 'answered'")
  await client.end()
  const there = new Set(rows.map(({ id }) => String(id)))
  const lost = answered.filter(({ requestId }) => !there.has(requestId))
  console.log(`\n${answered.length} answers were given; ${lost.length} of them have no row in the ledger`)
  process.exitCode = lost.length === 0 ? 0 : 1
}
