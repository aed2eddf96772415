import { createHash } from 'node:crypto'
import { createClient, RESP_TYPES } from '@redis/client'
import { CircuitBreaker } from '../core/circuit-breaker.ts'

export interface RedisOptions {
  /** `redis://[[user]:password@]host[:port][/database]`, or `rediss://` with TLS. */
  readonly url: string
  /** Put before every key, so that several installations can share a server. */
  readonly prefix: string
  /** How long a request waits for Redis at most. */
  readonly deadlineMs: number
  readonly say: (level: 'info' | 'warn', message: string) => void
}

/** A Lua script that runs atomically, in one round trip. */
export interface RedisScript {
  readonly text: string
  readonly digest: string
}

export interface ScriptCall {
  /** Without the prefix. */
  readonly keys: readonly string[]
  readonly values?: readonly (string | number | Buffer)[]
}

/** What Redis answers: integers as numbers, strings as bytes, nil as null. */
export type RedisReply = number | Buffer | null | readonly RedisReply[]

/** How often a Redis that does not answer is tried in the background. */
const trialMs = 500
const firstConnectionMs = 1000
/** Timers that come later than this by so much tell that the event loop was busy. */
const tolerableLagMs = 5

export function redisScript(text: string): RedisScript {
  return { text, digest: createHash('sha1').update(text).digest('hex') }
}

/**
 * Redis as an accelerator that may be missing: every call has a deadline, and while Redis does not keep it, calls come
 * back at once with `undefined` and the caller goes on by itself. That is said once, and so is its return.
 */
export class Redis {
  readonly #options: RedisOptions
  readonly #client: ReturnType<typeof clientOf>
  readonly #breaker: CircuitBreaker
  #subscriber: ReturnType<typeof clientOf> | undefined
  #trial: NodeJS.Timeout | undefined
  #closed = false
  readonly #returned = new Set<() => void>()

  private constructor(options: RedisOptions) {
    this.#options = options
    this.#client = clientOf(options.url)
    this.#breaker = new CircuitBreaker({
      failures: 3,
      openMs: trialMs,
      longestMs: trialMs,
      changed: (state) => this.#changed(state),
    })
    // A lost connection is no exception: calls meet it, and it is made anew in the background.
    this.#client.on('error', () => this.#breaker.failed(trialMs))
  }

  /** Connects; where that takes longer than a second, the gateway goes on and Redis joins when it is there. */
  static async open(options: RedisOptions): Promise<Redis> {
    const redis = new Redis(options)
    redis.#trial = setInterval(() => void redis.#try(), trialMs).unref()
    const connected = redis.#client.connect().then(
      () => true,
      () => false,
    )
    if (!(await within(connected, firstConnectionMs))) redis.#breaker.failed(trialMs)
    return redis
  }

  /** True while calls are made; false while callers go on by themselves. */
  get answers(): boolean {
    return this.#breaker.state === 'closed'
  }

  /** Without the password. */
  get address(): string {
    const { host, pathname } = new URL(this.#options.url)
    return `${host}${pathname.length > 1 ? pathname : ''}`
  }

  /** Told each time that Redis answers again: it may have forgotten everything. */
  onReturn(listener: () => void): void {
    this.#returned.add(listener)
  }

  key(name: string): string {
    return this.#options.prefix + name
  }

  /** Undefined where Redis does not answer in time. Throws what is our own mistake: a faulty script. */
  async run(script: RedisScript, { keys, values = [] }: ScriptCall): Promise<RedisReply | undefined> {
    const rest = [String(keys.length), ...keys.map((key) => this.key(key)), ...values.map(argumentOf)]
    const reply = await this.command(['EVALSHA', script.digest, ...rest])
    if (reply !== missingScript) return reply as RedisReply | undefined
    const again = await this.command(['EVAL', script.text, ...rest])
    return again as RedisReply | undefined
  }

  /** One command as it is; keys must have been made by `key`. Undefined where Redis does not answer in time. */
  async command(parts: readonly (string | Buffer)[]): Promise<RedisReply | undefined | typeof missingScript> {
    if (this.#closed || !this.#breaker.allows()) return undefined
    try {
      const reply = await within(this.#client.sendCommand<RedisReply>([...parts]), this.#options.deadlineMs)
      if (reply === undefined) {
        this.#breaker.failed()
        return undefined
      }
      this.#breaker.succeeded()
      return reply
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message.startsWith('NOSCRIPT')) {
        this.#breaker.succeeded()
        return missingScript
      }
      if (/^(ERR|WRONGTYPE)/.test(message) && !/max(imum)? number of clients/.test(message)) {
        this.#breaker.succeeded()
        throw error
      }
      // Out of memory, read-only, loading, a lost connection: it will be back.
      this.#breaker.failed()
      return undefined
    }
  }

  /** Messages on a channel, as long as the connection holds; what comes while it does not is missed. */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    if (this.#subscriber === undefined) {
      this.#subscriber = clientOf(this.#options.url)
      this.#subscriber.on('error', () => {})
      await within(this.#subscriber.connect(), firstConnectionMs).catch(() => undefined)
    }
    // It is sent again by the client after every reconnection.
    await within(
      this.#subscriber.subscribe(this.key(channel), (message) => listener(String(message))),
      firstConnectionMs,
    ).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#trial)
    for (const client of [this.#client, this.#subscriber]) {
      try {
        client?.destroy()
      } catch {
        // It was never open.
      }
    }
  }

  /** No request has to find out that Redis is back. */
  async #try(): Promise<void> {
    if (this.#breaker.state === 'closed' || !this.#client.isReady) return
    await this.command(['PING'])
  }

  #changed(state: 'open' | 'closed'): void {
    if (this.#closed) return
    const { say } = this.#options
    if (state === 'closed') {
      say('info', `Redis at ${this.address} answers again`)
      for (const listener of this.#returned) listener()
    } else
      say(
        'warn',
        `Redis at ${this.address} does not answer: limits, budgets and cache go on in this process until it does`,
      )
  }
}

const missingScript = Symbol('missing script')

function clientOf(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: 1000, reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) },
  }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
}

function argumentOf(value: string | number | Buffer): string | Buffer {
  return typeof value === 'number' ? String(value) : value
}

async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    const start = (extensions: number) => {
      const due = performance.now() + milliseconds
      timer = setTimeout(() => {
        // When this process itself was busy, that is not the other's fault, and the answer may lie in the socket.
        if (performance.now() > due + tolerableLagMs && extensions > 0) start(extensions - 1)
        else setImmediate(() => setImmediate(resolve, undefined))
      }, milliseconds)
    }
    start(4)
  })
  // What comes too late is nobody's any more.
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
