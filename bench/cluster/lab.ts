import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool, request } from 'undici'
import { stringify } from 'yaml'
import { builtInModels } from '../../test/fixtures/built-in-models.ts'
import { startPostgres } from '../../test/fixtures/postgres-server.ts'
import { freePort, startRedis } from '../../test/fixtures/redis-server.ts'
import { type SlowProxy, startSlowProxy } from './slow-proxy.ts'
import type { Bill, Weather } from './weather.ts'

/**
 * Several gateways behind nginx on loopback, sharing a real Redis, a real PostgreSQL, a stand-in of Qdrant, and two model
 * servers that speak their vendors' protocols: each a process of its own, to be stopped, paused and killed.
 */

export interface Part {
  /** Ends it as a power cut would. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly pause: () => void
  readonly resume: () => void
}

export interface ModelServer extends Part {
  readonly url: string
  readonly weather: (weather: Weather) => Promise<void>
  readonly bill: () => Promise<Bill>
}

export interface GatewayPart extends Part {
  readonly url: string
  readonly pid: () => number
  readonly output: () => string
}

export interface Lab {
  /** nginx, before all gateways. */
  readonly url: string
  readonly pool: Pool
  readonly gateways: readonly GatewayPart[]
  readonly cloud: ModelServer
  readonly ollama: ModelServer
  readonly redis: Part & { readonly slow: (delayMs: number) => void; readonly url: string }
  readonly postgres: Part & { readonly slow: (delayMs: number) => void; readonly url: string }
  /** Where it was asked for; else nothing listens there. */
  readonly qdrant: Part & { readonly slow: (delayMs: number) => void }
  readonly folder: string
  readonly close: () => Promise<void>
}

export interface LabOptions {
  readonly gateways?: number
  /** Laid over the configuration of every gateway, section by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly environment?: Readonly<Record<string, string>>
  readonly qdrant?: boolean
}

/** Short ones, so that faults which only a limit ends do not fill the run. */
const patience = { first_byte_timeout_ms: 5000, idle_timeout_ms: 5000 }

export const adminKey = 'admin-key-of-the-lab-0123456789abcdef'
const root = join(import.meta.dirname, '../..')

export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-lab-'))
  const [redisServer, postgresServer] = await Promise.all([startRedis(), startPostgres()])
  const databaseUrl = await postgresServer.createDatabase()
  const redisProxy = await startSlowProxy(redisServer.port)
  const postgresProxy = await startSlowProxy(Number(new URL(databaseUrl).port))
  const redisUrl = `redis://127.0.0.1:${redisProxy.port}`
  const proxied = new URL(databaseUrl)
  proxied.port = String(postgresProxy.port)

  const [cloud, ollama] = await Promise.all([modelServer('anthropic'), modelServer('ollama')])
  const qdrant = options.qdrant === true ? await startQdrant() : undefined

  const count = options.gateways ?? 3
  const config = labConfig({ cloud, ollama, folder, ...options })
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    // What embeds questions is brought once for all.
    HYBRID_MODELS_DIR: join(homedir(), '.cache', 'hybrid-ai-stack', 'models'),
    ANTHROPIC_API_KEY: 'sk-ant-test-key-0123456789',
    REDIS_URL: redisUrl,
    DATABASE_URL: proxied.href,
    HYBRID_ADMIN_KEY: adminKey,
    LOG_LEVEL: 'warn',
    ...(qdrant !== undefined && { QDRANT_URL: qdrant.url }),
    ...options.environment,
  }
  const gateways: GatewayPart[] = []
  // The first one makes the tables.
  for (let index = 0; index < count; index++) gateways.push(await gateway(index, { folder, config, environment }))
  const front = await startNginx(folder, gateways)

  return {
    url: front.url,
    pool: new Pool(front.url, { connections: 512, headersTimeout: 120_000, bodyTimeout: 120_000 }),
    gateways,
    cloud,
    ollama,
    redis: { ...redisServer, url: redisServer.url, ...slowable(redisProxy) },
    postgres: { ...postgresServer, url: databaseUrl, ...slowable(postgresProxy) },
    qdrant: qdrant ?? notThere,
    folder,
    async close() {
      await Promise.all(gateways.map((part) => part.kill()))
      await front.kill()
      await Promise.all([cloud.kill(), ollama.kill(), qdrant?.kill()])
      await Promise.all([redisProxy.close(), postgresProxy.close(), qdrant?.close()])
      await Promise.all([redisServer.stop(), postgresServer.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function slowable({ slow }: SlowProxy) {
  return { slow }
}

interface GatewayWorld {
  readonly folder: string
  readonly config: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string>>
}

async function gateway(index: number, { folder, config, environment }: GatewayWorld): Promise<GatewayPart> {
  const port = await freePort()
  const home = join(folder, `gateway-${index}`)
  mkdirSync(home)
  const file = join(home, 'hybrid.yaml')
  writeFileSync(file, stringify({ ...config, server: { ...(config.server as object), port } }))
  const part = await program({
    command: process.execPath,
    arguments: [join(root, 'src/main.ts'), '--config', file, 'serve'],
    environment: { ...environment, HYBRID_DATA_DIR: join(home, 'data') },
    ready: async () => (await statusOf(`http://127.0.0.1:${port}/health/ready`)) === 200,
  })
  return { ...part, url: `http://127.0.0.1:${port}` }
}

async function modelServer(kind: 'anthropic' | 'ollama'): Promise<ModelServer> {
  const [port, control] = [await freePort(), await freePort()]
  const part = await program({
    command: process.execPath,
    arguments: [
      join(import.meta.dirname, 'model-server.ts'),
      ...['--kind', kind, '--port', String(port), '--control', String(control)],
    ],
    environment: { PATH: process.env.PATH ?? '' },
    ready: async () => (await statusOf(`http://127.0.0.1:${control}/bill`)) === 200,
  })
  const tell = async (path: string, body?: unknown): Promise<Bill> => {
    const { body: reply } = await request(`http://127.0.0.1:${control}${path}`, {
      method: 'POST',
      body: JSON.stringify(body ?? {}),
    })
    return (await reply.json()) as Bill
  }
  return {
    ...part,
    url: `http://127.0.0.1:${port}`,
    weather: async (weather) => void (await tell('/weather', weather)),
    bill: () => tell('/bill'),
  }
}

const notThere = {
  kill: async () => {},
  start: async () => {},
  pause: () => {},
  resume: () => {},
  slow: () => {},
}

async function startQdrant() {
  const port = await freePort()
  const part = await program({
    command: process.execPath,
    arguments: [join(import.meta.dirname, 'qdrant-server.ts'), '--port', String(port)],
    environment: { PATH: process.env.PATH ?? '' },
    ready: async () => (await statusOf(`http://127.0.0.1:${port}/collections`)) === 200,
  })
  const proxy = await startSlowProxy(port)
  return {
    ...part,
    ...slowable(proxy),
    url: `http://127.0.0.1:${proxy.port}`,
    close: proxy.close,
  }
}

async function startNginx(folder: string, gateways: readonly GatewayPart[]) {
  const port = await freePort()
  const home = join(folder, 'nginx')
  mkdirSync(home)
  const servers = gateways.map(({ url }) => `    server ${new URL(url).host} max_fails=1 fail_timeout=1s;`).join('\n')
  writeFileSync(
    join(home, 'nginx.conf'),
    // One process, so that killing it leaves nothing behind.
    `daemon off;
master_process off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  upstream gateways {
    random two least_conn;
${servers}
    keepalive 128;
  }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    client_max_body_size 20m;
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffering off;
      proxy_read_timeout 600s;
      # A request that a gateway may have begun is not sent twice: it would be paid for twice.
      proxy_next_upstream error timeout;
    }
    error_page 502 504 = @gone;
    location @gone {
      default_type application/json;
      return 502 '{"error": "the gateway that had this request is gone: send it again", "code": "gateway_gone"}';
    }
  }
}
`,
  )
  const part = await program({
    command: 'nginx',
    arguments: ['-c', join(home, 'nginx.conf'), '-p', home],
    environment: { PATH: `${process.env.PATH}:/usr/sbin` },
    ready: async () => (await statusOf(`http://127.0.0.1:${port}/health/live`)) === 200,
  })
  return { ...part, url: `http://127.0.0.1:${port}` }
}

interface Program {
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly ready: () => Promise<boolean>
}

async function program(options: Program): Promise<Part & { pid: () => number; output: () => string }> {
  let child: ChildProcess | undefined
  let output = ''
  const start = async () => {
    const started = spawn(options.command, [...options.arguments], {
      env: { ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output = (output + chunk).slice(-200_000)
      })
    }
    started.on('error', (error) => {
      output += error.message
    })
    for (let tries = 0; tries < 600; tries++) {
      if (await options.ready().catch(() => false)) return
      if (started.exitCode !== null) break
      await sleep(100)
    }
    throw new Error(`${options.command} ${options.arguments.join(' ')} did not start:\n${output.slice(-2000)}`)
  }
  await start()
  return {
    start,
    output: () => output,
    pid: () => child?.pid ?? 0,
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function statusOf(url: string): Promise<number> {
  const { statusCode, body } = await request(url, { headersTimeout: 2000 })
  await body.dump()
  return statusCode
}

function labConfig({
  cloud,
  ollama,
  folder,
  config = {},
}: LabOptions & { readonly cloud: ModelServer; readonly ollama: ModelServer; readonly folder: string }) {
  const own: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    server: { trust_proxy: true, drain_seconds: 5 },
    limits: { rate: 'off' },
    log: { format: 'json' },
    // Clients with one key would soon have had their share of strong calls.
    router: { baseline_model: 'claude', check: { enabled: false }, quota: { strong_per_hour: 1_000_000 } },
    availability: { check_seconds: 1 },
    providers: {
      anthropic: {
        kind: 'anthropic',
        base_url: cloud.url,
        api_key: 'env:ANTHROPIC_API_KEY',
        ...patience,
      },
      // The stand-in does as much at once as it is asked.
      ollama: { kind: 'ollama', url: ollama.url, parallel: 64, ...patience },
    },
    models: {
      ...Object.fromEntries(builtInModels.map((name) => [name, { enabled: false }])),
      claude: {
        provider: 'anthropic',
        id: 'claude-test',
        price: { input: 3, output: 15 },
        context_tokens: 200_000,
        max_output_tokens: 4096,
      },
      small: { provider: 'ollama', id: 'small', max_complexity: 0.5, context_tokens: 32_768 },
    },
  }
  const sections = new Set([...Object.keys(own), ...Object.keys(config)])
  const merged = Object.fromEntries([...sections].map((name) => [name, { ...own[name], ...config[name] }]))
  return { ...merged, data_dir: join(folder, 'data') }
}
