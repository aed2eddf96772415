import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { createKey } from './admin.ts'
import { ask, crowd, quantile, tally } from './client.ts'
import { adminKey, type GatewayPart, openLab } from './lab.ts'

/** Mixed load with faults for a long time: memory, handles and event-loop lag of a gateway at start, middle and end. */

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, clients: { type: 'string', default: '24' } },
})
const minutes = Number(options.minutes)
const faults = 0.05

const lab = await openLab({ gateways: 2 })
try {
  const { key } = await createKey(lab, { name: 'soak', budgets: [{ dollars: 100_000, period: 'day' }] })
  const failures = ['cut', 'status', 'hang', 'no-answer'] as const
  let weather = 0
  // Every ten seconds another kind of fault hits one in twenty calls.
  const change = setInterval(() => {
    const kind = failures[weather++ % failures.length] ?? 'cut'
    const failure =
      kind === 'status'
        ? { kind, status: 529, body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } }
        : kind === 'no-answer'
          ? { kind }
          : { kind, afterChunks: 2 }
    const set = { words: [5, 60] as const, delayMs: 5, share: faults, failure }
    void Promise.all([lab.cloud.weather(set), lab.ollama.weather(set)])
  }, 10_000)

  let stop = false
  const load = crowd(
    Number(options.clients),
    () => stop,
    async (client, turn) => {
      await sleep(20 + 10 * ((client + turn) % 8))
      const kind = (client * 7 + turn) % 10
      const prompt =
        kind === 0 ? `Common question ${turn % 50}` : `${'context '.repeat(kind * 40)}Question ${client} ${turn}?`
      return ask(lab.pool, { key, prompt, stream: kind % 2 === 0, model: kind < 4 ? 'claude' : 'auto' })
    },
  )
  console.log('| minute | gateway | resident memory | heap used | handles | sockets | event-loop lag p99 | requests |')
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  const startedAt = performance.now()
  const marks = [0.05, 0.25, 0.5, 0.75, 1].map((share) => share * minutes)
  for (const mark of marks) {
    await sleep(Math.max(0, startedAt + mark * 60_000 - performance.now()))
    for (const [index, gateway] of lab.gateways.entries()) await report(mark, index, gateway)
  }
  stop = true
  clearInterval(change)
  const outcomes = await load
  const took = outcomes.map(({ ms }) => ms)
  console.log(`\n${outcomes.length} requests in ${minutes} minutes: ${tally(outcomes)}`)
  console.log(
    `p50 ${quantile(took, 0.5).toFixed(0)} ms, p95 ${quantile(took, 0.95).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms`,
  )
} finally {
  await lab.close()
}

async function report(minute: number, index: number, gateway: GatewayPart): Promise<void> {
  const { body } = await request(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${adminKey}` } })
  const metrics = await body.text()
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1])
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid()}/status`, 'utf8'))?.[1]
  const sum = [...metrics.matchAll(/^api_gateway_requests_total\{.*\} (\d+)/gm)].reduce(
    (all, [, n]) => all + Number(n),
    0,
  )
  console.log(
    `| ${minute.toFixed(1)} | ${index} | ${mebibytes(Number(resident) * 1024)} | ${mebibytes(value('nodejs_heap_size_used_bytes'))} | ${value('nodejs_active_handles_total')} | ${readdirSync(`/proc/${gateway.pid()}/fd`).length} | ${(value('nodejs_eventloop_lag_p99_seconds') * 1000).toFixed(0)} ms | ${sum} |`,
  )
}
