import type { Dispatcher } from 'undici'
import { GatewayError } from '../core/errors.ts'
import { messageOf, statusError, type UpstreamIdentity, upstreamError } from './errors.ts'
import { Exchange, type UpstreamReply, type UpstreamTimeouts } from './exchange.ts'
import { type Server, Servers } from './servers.ts'

export interface UpstreamOptions extends UpstreamTimeouts {
  /** The provider's key in the configuration, for messages. */
  readonly name: string
  /** May have a path, with or without a slash at its end. */
  readonly baseUrl: string
  /** Of further servers that hold the same models. */
  readonly moreUrls?: readonly string[]
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the key comes from, for messages (see `UpstreamIdentity`). */
  readonly keyHint?: string
  /** Values that must not appear in messages. */
  readonly secrets?: readonly string[]
  /** Told when one of several servers is left alone, and when it is back. */
  readonly say?: (level: 'info' | 'warn', message: string) => void
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST'
  /** Below the base URL, with its leading slash. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** JSON that is sent as it is, instead of `body`. */
  readonly bodyText?: string
  /** Longest wait for the headers, where it is another one than that of a stream: a whole reply is written first. */
  readonly firstByteTimeoutMs?: number
}

const longestError = 1024 * 1024
const longestJson = 64 * 1024 * 1024

/**
 * The transport of all providers: a pool of connections to one server, or to several that hold the same models. It is
 * `Pool.dispatch`, not `fetch`, which costs several times the CPU, and one HTTP/1.1 connection for each reply, so that
 * hanging up is closing a socket: the one sign that every model server understands as "stop generating".
 */
export class Upstream {
  readonly identity: UpstreamIdentity
  readonly #servers: Servers
  readonly #options: UpstreamOptions

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#servers = new Servers(options)
    this.identity = this.#servers.first.identity
  }

  /**
   * Resolves at the headers of the reply, whatever its status. Throws only `GatewayError`. Of several servers the one
   * with the least to do is asked; where its connection cannot be made, nothing was sent, and the next one is.
   */
  async open(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const tried = new Set<Server>()
    for (;;) {
      const server = this.#servers.choose(tried)
      tried.add(server)
      try {
        return await this.#openAt(server, request, signal)
      } catch (error) {
        const isGone = error instanceof GatewayError && error.code === 'upstream_unreachable'
        if (!isGone || tried.size === this.#servers.all.length) throw error
      }
    }
  }

  get severalServers(): boolean {
    return this.#servers.all.length > 1
  }

  /** The JSON of every server that answers, or `undefined` of each that does not. It is how one comes back. */
  async jsonOfAll(request: UpstreamRequest, signal: AbortSignal): Promise<readonly unknown[]> {
    return await Promise.all(
      this.#servers.all.map((server) => this.#jsonOf(this.#openAt(server, request, signal)).catch(() => undefined)),
    )
  }

  #openAt(server: Server, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const firstByteTimeoutMs = request.firstByteTimeoutMs ?? this.#options.firstByteTimeoutMs
    const { begun, headed, ended } = this.#servers.watch(server)
    const exchange = new Exchange(server.identity, { ...this.#options, firstByteTimeoutMs }, signal, ended)
    if (signal.aborted) return exchange.reply
    begun()
    const body = request.bodyText ?? (request.body === undefined ? null : JSON.stringify(request.body))

    const options: Dispatcher.DispatchOptions = {
      method: request.method,
      path: server.prefix + request.path,
      headers: {
        'user-agent': 'hybrid-ai-stack',
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...this.#options.headers,
        ...request.headers,
      },
      body,
      headersTimeout: firstByteTimeoutMs,
    }
    server.pool.dispatch(options, exchange)
    return exchange.reply.then((reply) => {
      headed(reply.status)
      return reply
    })
  }

  /** The same, but a reply that is no success is thrown as what it says. */
  async openStream(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const reply = await this.open(request, signal)
    if (reply.status >= 300) throw await this.errorOf(reply)
    const type = String(reply.headers['content-type'] ?? '')
    if (!/^(text\/html|application\/json)\b/i.test(type)) return reply

    // A success that is no stream: a proxy's page, or an error in disguise.
    const message = type.startsWith('application/json') ? messageOf(await this.readText(reply.body, longestError)) : ''
    reply.release()
    const said = message === '' ? `sent ${type} where a stream was due: is the URL right?` : `answered: ${message}`
    throw upstreamError(this.identity, 'upstream_failed', said)
  }

  /** A whole JSON reply, parsed. Throws what an error status says. */
  json(request: UpstreamRequest, signal: AbortSignal): Promise<unknown> {
    return this.#jsonOf(this.open(request, signal))
  }

  async #jsonOf(opened: Promise<UpstreamReply>): Promise<unknown> {
    const reply = await opened
    if (reply.status >= 300) throw await this.errorOf(reply)
    const text = await this.readText(reply.body, longestJson)
    try {
      return JSON.parse(text)
    } catch (error) {
      throw upstreamError(this.identity, 'upstream_failed', 'sent malformed JSON', { cause: error })
    }
  }

  async errorOf(reply: UpstreamReply): Promise<GatewayError> {
    // The status says enough when the body does not arrive.
    const body = await this.readText(reply.body, longestError).catch(() => '')
    return statusError(this.identity, { status: reply.status, headers: reply.headers, message: messageOf(body) })
  }

  /** Reads a whole body; one of more than `maxBytes` is broken off. */
  readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
    return readText(body, maxBytes, this.identity)
  }

  /** Breaks off what still runs. */
  async close(): Promise<void> {
    await this.#servers.close()
  }
}

async function readText(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  identity: UpstreamIdentity,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > maxBytes) throw upstreamError(identity, 'upstream_failed', `sent more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
