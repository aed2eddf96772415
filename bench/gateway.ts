import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { builtInModelsOff } from '../test/fixtures/built-in-models.ts'

/**
 * What the gateway itself costs for each request, with a model that takes no time. Numbers of one machine mean little,
 * so each is also given as a multiple of a bare HTTP server in the same run; the two take turns.
 */

interface Target {
  readonly name: string
  readonly path: string
  readonly body: (index: number) => object
  readonly server: 'reference' | 'gateway'
}

interface Round {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '5' },
    parallel: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
})
const requests = Number(options.requests)

/** As many as a small agent has, 1 kB of JSON each. */
const tools = Array.from({ length: 20 }, (_, index) => ({
  type: 'function',
  function: {
    name: `tool_${index}`,
    description: 'x'.repeat(800),
    parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
}))

const targets: readonly Target[] = [
  { name: 'bare node:http', path: '/', server: 'reference', body: (index) => ({ prompt: `hello ${index}` }) },
  { name: 'native', path: '/api/v1/chat', server: 'gateway', body: (index) => ({ prompt: `hello ${index}` }) },
  { name: 'native, from the cache', path: '/api/v1/chat', server: 'gateway', body: () => ({ prompt: 'hello again' }) },
  {
    name: 'native, 10 kB prompt',
    path: '/api/v1/chat',
    server: 'gateway',
    body: (index) => ({ prompt: `${index}${'x'.repeat(10_000)}` }),
  },
  {
    name: 'native, streamed',
    path: '/api/v1/chat',
    server: 'gateway',
    body: (index) => ({ prompt: `hello ${index}`, stream: true }),
  },
  {
    name: 'OpenAI',
    path: '/v1/chat/completions',
    server: 'gateway',
    body: (index) => ({ model: 'auto', messages: [{ role: 'user', content: `hi ${index}` }] }),
  },
  {
    name: 'Anthropic',
    path: '/v1/messages',
    server: 'gateway',
    body: (index) => ({ model: 'auto', max_tokens: 50, messages: [{ role: 'user', content: `hi ${index}` }] }),
  },
  {
    name: 'Ollama, streamed',
    path: '/api/chat',
    server: 'gateway',
    body: (index) => ({ model: 'auto', messages: [{ role: 'user', content: `hi ${index}` }] }),
  },
  {
    name: 'OpenAI, 20 tools',
    path: '/v1/chat/completions',
    server: 'gateway',
    body: (index) => ({ model: 'auto', tools, messages: [{ role: 'user', content: `hi ${index}` }] }),
  },
  {
    name: 'decision only',
    path: '/api/v1/complexity',
    server: 'gateway',
    body: (index) => ({ prompt: `hello ${index}` }),
  },
]

const folder = mkdtempSync(join(tmpdir(), 'hybrid-bench-'))
const config = join(folder, 'hybrid.yaml')
writeFileSync(
  config,
  `limits: {rate: 'off'}
log: {format: json}
router: {baseline_model: parrot}
providers: {echo: {kind: echo}}
models:
  parrot: {provider: echo, id: parrot, context_tokens: 100000}
${builtInModelsOff}
`,
)

const reference = await start([join(import.meta.dirname, 'reference.ts')])
const gateway = await start([join(import.meta.dirname, '../src/main.ts'), '--config', config, 'serve', '--port', '0'])
const servers = { reference, gateway }

const rounds = new Map<string, Round[]>(targets.map(({ name }) => [name, []]))
let sent = 0
for (let round = -1; round < Number(options.rounds); round++) {
  for (const target of targets) {
    const result = await run(target)
    // The first round only warms up.
    if (round >= 0) rounds.get(target.name)?.push(result)
  }
}
report()
reference.child.kill()
gateway.child.kill()
rmSync(folder, { recursive: true, force: true })

async function run({ path, body, server }: Target): Promise<Round> {
  const { url, pid } = servers[server]
  const pool = new Pool(url, { connections: Number(options.parallel) })
  const cpuBefore = cpuTicks(pid)
  const startedAt = performance.now()
  let left = requests
  const worker = async () => {
    while (left-- > 0) {
      const { statusCode, body: reply } = await pool.request({
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body(sent++)),
      })
      await reply.dump()
      if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: Number(options.parallel) }, worker))
  const seconds = (performance.now() - startedAt) / 1000
  await pool.close()
  // A tick is a hundredth of a second.
  return { perSecond: requests / seconds, cpuMicroseconds: ((cpuTicks(pid) - cpuBefore) * 10_000) / requests }
}

/** User and system time of all threads of a process; 0 where there is no /proc. */
function cpuTicks(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}

function start(args: readonly string[]): Promise<{ url: string; pid: number; child: ReturnType<typeof spawn> }> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: folder, HYBRID_DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info' },
  })
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      const url = /listens on (http:\/\/[^\s"]+)/.exec(String(chunk))?.[1]
      if (url !== undefined) resolve({ url, pid: child.pid ?? 0, child })
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', (code) => reject(new Error(`${args[0]} ended with ${code}`)))
  })
}

function report(): void {
  const medianOf = (name: string, read: (round: Round) => number) => {
    const sorted = (rounds.get(name) ?? []).map(read).sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }
  const base = medianOf('bare node:http', ({ cpuMicroseconds }) => cpuMicroseconds)
  const rows = targets.map(({ name }) => {
    const cpu = medianOf(name, ({ cpuMicroseconds }) => cpuMicroseconds)
    return {
      name,
      per_second: Math.round(medianOf(name, (round) => round.perSecond)),
      cpu_microseconds: Math.round(cpu),
      times_bare: Number((cpu / base).toFixed(2)),
    }
  })
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ requests, rounds: Number(options.rounds), rows })}\n`)
    return
  }
  process.stdout.write(
    `${requests} requests a round, median of ${options.rounds} rounds, ${options.parallel} at a time\n\n`,
  )
  for (const { name, per_second, cpu_microseconds, times_bare } of rows) {
    process.stdout.write(
      `${name.padEnd(26)}${String(per_second).padStart(8)} requests/s${String(cpu_microseconds).padStart(8)} µs CPU each${String(times_bare).padStart(8)} x bare\n`,
    )
  }
}
