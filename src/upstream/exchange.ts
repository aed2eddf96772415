import type { Dispatcher } from 'undici'
import { GatewayError } from '../core/errors.ts'
import { type HeaderValues, type UpstreamIdentity, upstreamError } from './errors.ts'

/** Bytes that wait for the consumer before the socket is paused. */
const highWater = 64 * 1024
/** How long the end of a reply may take after its last event, before the connection is given up. */
const lingerMs = 1000

export interface UpstreamTimeouts {
  readonly connectTimeoutMs: number
  /** From the request to the headers of the reply; a local model may be loaded in this time. */
  readonly firstByteTimeoutMs: number
  /** Longest silence within a reply. */
  readonly idleTimeoutMs: number
  /** Longest time in which a reply may hold nothing but signs of life. */
  readonly keepAliveTimeoutMs: number
}

export interface UpstreamReply {
  readonly status: number
  readonly headers: HeaderValues
  /** For one consumer. Paused while it lags; leaving the loop early destroys the socket. Throws only `GatewayError`. */
  readonly body: AsyncIterable<Uint8Array>
  /**
   * Says that all that matters has been read: the rest is swallowed for a moment, so that the connection can serve
   * again, where leaving the loop would destroy it.
   */
  readonly release: () => void
  /**
   * Says that something of substance has come. From the first call on, a server that sends only signs of life for
   * longer than `keepAliveTimeoutMs` is given up; a slow consumer's own time does not count.
   */
  readonly progress: () => void
}

/**
 * One request and its reply: undici pushes into it, one consumer pulls from it. Whatever ends it first (the last
 * byte, an error, the signal, the consumer) ends it for good, and all but the last byte destroy the socket.
 */
export class Exchange implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array> {
  readonly reply: Promise<UpstreamReply>
  readonly #identity: UpstreamIdentity
  readonly #timeouts: UpstreamTimeouts
  readonly #signal: AbortSignal
  readonly #settle: { resolve: (reply: UpstreamReply) => void; reject: (error: GatewayError) => void }
  readonly #onAbort = () => this.#fail(this.#abortError())
  #controller: Dispatcher.DispatchController | undefined
  #started = false
  #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #ended = false
  #error: GatewayError | undefined
  #released = false
  #linger: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  /** How long the consumer has waited since the last progress; undefined while nobody watches. */
  #waitedMs: number | undefined
  #onEnd: ((error: GatewayError | undefined) => void) | undefined

  /** `onEnd` is told once how it ended: with the last byte, or with what broke it off. */
  constructor(
    identity: UpstreamIdentity,
    timeouts: UpstreamTimeouts,
    signal: AbortSignal,
    onEnd?: (error: GatewayError | undefined) => void,
  ) {
    this.#onEnd = onEnd
    this.#identity = identity
    this.#timeouts = timeouts
    this.#signal = signal
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamReply>()
    this.reply = promise
    this.#settle = { resolve, reject }
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // The signal may have come while the connection was being made; then nothing is sent at all.
    if (this.#error !== undefined) controller.abort(this.#error)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HeaderValues): void {
    // 103 Early Hints and its like are not the reply.
    if (status < 200) return
    this.#started = true
    this.#settle.resolve({
      status,
      headers,
      body: this,
      release: () => this.#release(),
      progress: () => this.#progress(),
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#released || this.#error !== undefined) return
    this.#chunks.push(chunk)
    this.#waitingBytes += chunk.byteLength
    if (this.#waitingBytes > highWater) controller.pause()
    this.#wakeUp()
  }

  onResponseEnd(): void {
    this.#ended = true
    this.#cleanUp()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(this.#translate(error))
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.byteLength
        if (this.#waitingBytes === 0) this.#controller?.resume()
        return { done: false, value: chunk }
      }
      if (this.#released || (this.#ended && this.#error === undefined)) return { done: true, value: undefined }
      if (this.#error !== undefined) throw this.#error
      await this.#wait()
    }
  }

  async #wait(): Promise<void> {
    const startedAt = performance.now()
    const left = this.#waitedMs === undefined ? undefined : this.#timeouts.keepAliveTimeoutMs - this.#waitedMs
    const timer = left === undefined ? undefined : setTimeout(() => this.#fail(this.#aliveOnly()), Math.max(0, left))
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    clearTimeout(timer)
    if (this.#waitedMs !== undefined) this.#waitedMs += performance.now() - startedAt
  }

  #progress(): void {
    this.#waitedMs = 0
  }

  #aliveOnly(): GatewayError {
    const { keepAliveTimeoutMs } = this.#timeouts
    const said = `sent nothing but signs of life for ${keepAliveTimeoutMs} ms`
    return upstreamError(this.#identity, 'upstream_timeout', said)
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#ended && !this.#released) this.#fail(new GatewayError('cancelled', 'the reply was left unread'))
    this.#chunks = []
    return { done: true, value: undefined }
  }

  #release(): void {
    if (this.#released || this.#ended) return
    this.#released = true
    this.#chunks = []
    this.#controller?.resume()
    this.#linger = setTimeout(() => this.#fail(new GatewayError('cancelled', 'the reply lingered')), lingerMs)
    this.#linger.unref()
  }

  #fail(error: GatewayError): void {
    if (this.#ended || this.#error !== undefined) return
    this.#error = error
    // A cancelled reply stops at once; a broken one first gives what had arrived before.
    if (error.code === 'cancelled' || this.#signal.aborted) this.#chunks = []
    this.#settle.reject(error)
    this.#controller?.abort(error)
    this.#cleanUp()
  }

  #cleanUp(): void {
    clearTimeout(this.#linger)
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#wakeUp()
    this.#onEnd?.(this.#error)
    this.#onEnd = undefined
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #abortError(): GatewayError {
    const { reason } = this.#signal
    if (reason instanceof GatewayError) return reason
    if (reason instanceof Error && reason.name === 'TimeoutError') {
      return upstreamError(this.#identity, 'upstream_timeout', 'did not answer in time', { cause: reason })
    }
    return new GatewayError('cancelled', 'the request was cancelled', { cause: reason })
  }

  /** The one place that knows the errors of undici and of sockets. */
  #translate(cause: Error): GatewayError {
    const identity = this.#identity
    const { connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs } = this.#timeouts
    const code = 'code' in cause ? String(cause.code) : ''
    const at = `(${identity.url})`
    switch (code) {
      case 'ECONNREFUSED':
        return upstreamError(identity, 'upstream_unreachable', `refused the connection ${at}: is it running?`, {
          cause,
        })
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return upstreamError(identity, 'upstream_unreachable', `has no address ${at}: is the name right?`, { cause })
      case 'ETIMEDOUT':
      case 'UND_ERR_CONNECT_TIMEOUT':
        return upstreamError(
          identity,
          'upstream_unreachable',
          `could not be reached within ${connectTimeoutMs} ms ${at}: is it running?`,
          { cause },
        )
      case 'UND_ERR_HEADERS_TIMEOUT':
        return upstreamError(identity, 'upstream_timeout', `did not answer within ${firstByteTimeoutMs} ms`, { cause })
      case 'UND_ERR_BODY_TIMEOUT':
        return upstreamError(identity, 'upstream_timeout', `was silent for ${idleTimeoutMs} ms in a reply`, { cause })
      case 'UND_ERR_DESTROYED':
      case 'UND_ERR_CLOSED':
        return new GatewayError('shutting_down', 'the gateway is stopping', { cause })
    }
    if (this.#controller === undefined) {
      const detail = code === '' ? '' : `: ${code}`
      return upstreamError(identity, 'upstream_unreachable', `could not be reached ${at}${detail}`, { cause })
    }
    if (this.#started)
      return upstreamError(identity, 'upstream_cut', 'closed the connection within its reply', { cause })
    return upstreamError(identity, 'upstream_failed', 'closed the connection without an answer', { cause })
  }
}
