import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { createKey } from './admin.ts'
import { ask, crowd, type Outcome, quantile, tally } from './client.ts'
import { type Lab, openLab } from './lab.ts'

/**
 * Three gateways behind nginx and 256 clients: a budget, a rate limit and the cache over all of them, and one killed in
 * the middle. Prints what was seen, and fails where a promise was not kept.
 */

const clients = 256
const failures: string[] = []

const lab = await openLab()
try {
  await budget(lab)
  await rate(lab)
  await singleFlight(lab)
  await killed(lab)
} finally {
  await lab.close()
}
for (const failure of failures) console.log(`FAILED ${failure}`)
process.exitCode = failures.length === 0 ? 0 : 1

async function budget(lab: Lab): Promise<void> {
  const dollars = 0.05
  const { id, key } = await createKey(lab, { name: 'budget', budgets: [{ dollars, period: 'day' }] })
  await lab.cloud.weather({ words: [5, 120], delayMs: 5 })
  const before = await lab.cloud.bill()
  let refused = 0
  const outcomes = await crowd(
    clients,
    () => refused > 2000,
    async (client, turn) => {
      const prompt = `Prove theorem ${client} of chapter ${turn}.`
      const outcome = await ask(lab.pool, {
        key,
        prompt,
        model: 'claude',
        maxTokens: 150,
        stream: (client + turn) % 2 === 0,
      })
      if (outcome.status === 402) refused++
      return outcome
    },
  )
  await sleep(1500)
  const after = await lab.cloud.bill()
  const billed = ((after.promptTokens - before.promptTokens) * 3 + (after.replyTokens - before.replyTokens) * 15) / 1e6
  const spent =
    Number((await sql(lab, 'SELECT sum(cost_nanodollars) AS n FROM requests WHERE caller = $1', [id]))?.n) / 1e9
  const oneReply = (12 * 3 + 150 * 15) / 1e6
  say(
    'budget',
    `${clients} clients on one key: limit $${dollars}, ledger $${spent.toFixed(6)}, vendor's bill $${billed.toFixed(6)}, overshoot $${Math.max(0, spent - dollars).toFixed(6)} (one reply costs up to $${oneReply.toFixed(6)}); ${tally(outcomes)}`,
  )
  check('the budget is not passed by more than a reply', spent <= dollars + oneReply)
  check('at least 95 % of the budget is used', spent >= dollars * 0.95)
  check('the ledger has what the vendor bills', Math.abs(spent - billed) < 1e-9)
}

async function rate(lab: Lab): Promise<void> {
  const limit = 500
  const { key } = await createKey(lab, { name: 'rate', limits: { requests_per_minute: limit } })
  await lab.ollama.weather({ words: [2, 5], delayMs: 0 })
  let sent = 0
  const startedAt = performance.now()
  const outcomes = await crowd(
    clients,
    () => sent >= 2000,
    (client, turn) => {
      sent++
      return ask(lab.pool, { key, prompt: `Say ${client} ${turn}`, model: 'small' })
    },
  )
  const seconds = (performance.now() - startedAt) / 1000
  const passed = outcomes.filter(({ kind }) => kind === 'answer').length
  say('rate', `limit ${limit}/minute, ${outcomes.length} requests in ${seconds.toFixed(1)} s: ${tally(outcomes)}`)
  check('the rate limit is exact over all gateways', passed === limit && seconds < 60)
}

async function singleFlight(lab: Lab): Promise<void> {
  const { key } = await createKey(lab, { name: 'flight' })
  await lab.cloud.weather({ words: [40, 40], delayMs: 20 })
  const before = (await lab.cloud.bill()).calls
  const outcomes = await Promise.all(
    Array.from({ length: clients }, (_, client) =>
      ask(lab.pool, { key, prompt: 'The same question for everybody?', model: 'claude', stream: client % 2 === 0 }),
    ),
  )
  const calls = (await lab.cloud.bill()).calls - before
  say(
    'single flight',
    `${clients} equal requests, half of them streamed: ${calls} call to the model; ${tally(outcomes)}`,
  )
  check('equal requests ask the model once', calls === 1 && outcomes.every(({ kind }) => kind === 'answer'))
}

async function killed(lab: Lab): Promise<void> {
  const { key } = await createKey(lab, { name: 'killed' })
  await lab.cloud.weather({ words: [5, 60], delayMs: 10 })
  const [, victim] = lab.gateways
  if (victim === undefined) throw new Error('there is no second gateway')
  let stop = false
  const asked = crowd(
    clients,
    () => stop,
    (client, turn) =>
      ask(lab.pool, {
        key,
        prompt: `Question ${client} of turn ${turn}`,
        model: turn % 2 === 0 ? 'claude' : 'small',
        stream: client % 2 === 0,
      }),
  )
  await sleep(6000)
  const killedAt = performance.now()
  await victim.kill()
  await sleep(6000)
  await victim.start()
  await sleep(4000)
  stop = true
  const outcomes = await asked
  await sleep(2500)

  const answered = outcomes.filter(({ kind }) => kind === 'answer')
  const lost = await missing(lab, answered)
  const early = lost.filter(({ at }) => at < killedAt - 1000 || at > killedAt + 500)
  const after = outcomes.filter(({ at }) => at > killedAt && at < killedAt + 6000)
  say(
    'kill -9',
    `${outcomes.length} requests, one gateway killed in the middle and started again: ${tally(outcomes)}; ledger rows of given answers missing: ${lost.length}, of them not from the last second of the killed one: ${early.length}; p95 before ${p95(outcomes.filter(({ at }) => at < killedAt))} ms, with one less ${p95(after)} ms`,
  )
  const unclean = outcomes.filter(({ kind, at }) => kind === 'broken' && (at < killedAt - 100 || at > killedAt + 2000))
  check('nothing breaks but what the killed gateway had in hand', unclean.length === 0)
  check('the ledger has every answer but the last second of the killed one', early.length === 0)
}

function p95(outcomes: readonly Outcome[]): string {
  return quantile(
    outcomes.map(({ ms }) => ms),
    0.95,
  ).toFixed(0)
}

async function missing(lab: Lab, answered: readonly Outcome[]): Promise<readonly Outcome[]> {
  const client = new Client({ connectionString: lab.postgres.url })
  await client.connect()
  const { rows } = await client.query("SELECT id FROM requests WHERE status = 'answered'")
  await client.end()
  const there = new Set(rows.map(({ id }) => String(id)))
  return answered.filter(({ requestId }) => !there.has(requestId))
}

async function sql(lab: Lab, text: string, values: readonly string[]): Promise<Record<string, unknown> | undefined> {
  const client = new Client({ connectionString: lab.postgres.url })
  await client.connect()
  const { rows } = await client.query(text, [...values])
  await client.end()
  return rows[0]
}

function say(name: string, words: string): void {
  console.log(`${name}: ${words}`)
}

function check(promise: string, kept: boolean): void {
  if (!kept) failures.push(promise)
}
