import { Pool } from 'undici'
import { CircuitBreaker } from '../core/circuit-breaker.ts'
import type { GatewayError } from '../core/errors.ts'
import type { UpstreamIdentity } from './errors.ts'
import type { UpstreamOptions } from './upstream.ts'

/** One of the servers behind a provider. */
export interface Server {
  readonly identity: UpstreamIdentity
  readonly pool: Pool
  /** Path of the base URL, without a slash at its end. */
  readonly prefix: string
  readonly breaker: CircuitBreaker
  /** Requests whose replies are not over. */
  pending: number
}

/** What is told of one request while it runs. */
interface Watch {
  readonly begun: () => void
  readonly headed: (status: number) => void
  readonly ended: (error: GatewayError | undefined) => void
}

/** Failures one after the other after which a server is left alone until it answers a look. */
const failuresUntilOut = 3
/** Checks bring a server back before; without them it is tried after this time. */
const outMs = 15_000

/**
 * Several servers of the same models: the one with the least work gets the next request, and one that fails gets none
 * until it answers again. Where all of them fail, all of them are asked: one may be back.
 */
export class Servers {
  readonly all: readonly Server[]
  #turn = 0

  constructor(options: UpstreamOptions) {
    this.all = [options.baseUrl, ...(options.moreUrls ?? [])].map((baseUrl) => serverOf(baseUrl, options))
  }

  get first(): Server {
    return this.all[0] as Server
  }

  /** Least outstanding requests; of equals, each in its turn. */
  choose(tried: ReadonlySet<Server>): Server {
    const left = this.all.filter((server) => !tried.has(server))
    const trial = left.find(({ breaker }) => breaker.state === 'half-open' && breaker.allows())
    if (trial !== undefined) return trial
    const well = left.filter(({ breaker }) => breaker.state === 'closed')
    const among = well.length > 0 ? well : left
    const least = Math.min(...among.map(({ pending }) => pending))
    const idle = among.filter(({ pending }) => pending === least)
    return (idle[this.#turn++ % idle.length] ?? this.first) as Server
  }

  watch(server: Server): Watch {
    let counted = false
    let status = 0
    return {
      begun: () => {
        counted = true
        server.pending++
      },
      headed: (seen) => {
        status = seen
      },
      ended: (error) => {
        if (!counted) return
        counted = false
        server.pending--
        const { breaker } = server
        if (error?.code === 'upstream_unreachable') breaker.failed(outMs)
        else if (error !== undefined && isItsFault(error)) breaker.failed()
        else if (error !== undefined) breaker.abandoned()
        else if (status >= 500) breaker.failed()
        else breaker.succeeded()
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ pool }) => pool.destroy()))
  }
}

function isItsFault({ code }: GatewayError): boolean {
  return code === 'upstream_failed' || code === 'upstream_cut' || code === 'upstream_timeout'
}

function serverOf(baseUrl: string, options: UpstreamOptions): Server {
  const url = new URL(baseUrl)
  const prefix = url.pathname.replace(/\/+$/, '')
  const { name, keyHint = '', secrets = [], say, moreUrls = [] } = options
  const identity = { name, url: url.origin + prefix, keyHint, secrets }
  const isOne = moreUrls.length === 0
  return {
    identity,
    prefix,
    pending: 0,
    pool: new Pool(url.origin, {
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs },
      headersTimeout: options.firstByteTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      keepAliveTimeout: 15_000,
    }),
    breaker: new CircuitBreaker({
      failures: failuresUntilOut,
      openMs: outMs,
      longestMs: outMs,
      changed: (state) => {
        if (isOne) return
        if (state === 'closed') say?.('info', `a server of '${name}' answers again: ${identity.url}`)
        else say?.('warn', `a server of '${name}' fails and is left alone until it answers: ${identity.url}`)
      },
    }),
  }
}
