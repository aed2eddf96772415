import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder, Scope } from '../core/key-holder.ts'
import { FailedAttempts } from './failed-attempts.ts'

/** The keys, as far as the door needs them. */
export interface Keys {
  /** True once there is a key that lets its holder chat. */
  readonly locked: boolean
  readonly hasAdmin: boolean
  /** Undefined where the headers hold no key. Throws `unauthorized` for one that is wrong or over. */
  readonly holderOf: (headers: FastifyRequest['headers']) => KeyHolder | undefined
  /** True where a key of the gateway's own making was sent, known or not. */
  readonly holdsOwn: (headers: FastifyRequest['headers']) => boolean
  /** Looks anew for a key that was sent and is not known. */
  readonly meet: (headers: FastifyRequest['headers']) => Promise<void>
}

export interface DoorOptions {
  readonly keys: Keys
  readonly host: string
  /** Host names, besides those of loopback, under which it may be reached while it has no lock. */
  readonly hosts: readonly string[]
  readonly openMetrics: boolean
}

/** Wrong keys that one address may try in a minute. */
const mostWrongKeys = 30

const missing = 'this gateway needs a key: send it as Authorization: Bearer KEY, or as x-api-key'

/** Who may come in, and what for. Every route asks it, but those of `openPaths`. */
export class Door {
  readonly #options: DoorOptions
  readonly #attempts = new FailedAttempts(mostWrongKeys)

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Who asks, with what the scope needs. Throws `unauthorized`, `forbidden` or `rate_limited`. */
  async admit(request: FastifyRequest, scope: Scope): Promise<KeyHolder | undefined> {
    const { keys, openMetrics } = this.#options
    if (this.#attempts.barredFor(request.ip) === 0) await keys.meet(request.headers)
    const needed = scope === 'admin' ? true : keys.locked && !(scope === 'metrics' && openMetrics)
    if (!needed) {
      this.#refuseStrangeHost(request)
      return this.#known(request)
    }
    const holder = this.#identify(request)
    if (holder !== undefined) return withScope(holder, scope)
    if (scope === 'admin' && !keys.hasAdmin) {
      throw new GatewayError('forbidden', 'there is no admin key: make one, as hybrid keys create --scope admin')
    }
    throw new GatewayError('unauthorized', missing)
  }

  /** Whether the caller may see what is none of a stranger's business; never throws. */
  mayLookInside(request: FastifyRequest): boolean {
    const { keys, openMetrics } = this.#options
    if (!keys.locked || openMetrics) return true
    try {
      const holder = this.#identify(request)
      return holder?.scopes.some((scope) => scope !== 'chat') ?? false
    } catch {
      return false
    }
  }

  #identify(request: FastifyRequest): KeyHolder | undefined {
    const barred = this.#attempts.barredFor(request.ip)
    if (barred > 0) {
      const message = `${mostWrongKeys} wrong keys came from this address: wait ${barred} s`
      throw new GatewayError('rate_limited', message, { retryAfterSeconds: barred })
    }
    try {
      return this.#options.keys.holderOf(request.headers)
    } catch (error) {
      this.#attempts.failed(request.ip)
      throw error
    }
  }

  /** Where no key is needed, any text will do: clients insist on sending one. A key of ours must be one that counts. */
  #known(request: FastifyRequest): KeyHolder | undefined {
    const { keys } = this.#options
    if (keys.holdsOwn(request.headers)) return this.#identify(request)
    try {
      return keys.holderOf(request.headers)
    } catch {
      return undefined
    }
  }

  /**
   * A web page can have its own name point at loopback, and so ask a gateway that trusts whoever reaches it (DNS
   * rebinding); but it cannot choose what its browser writes into Host.
   */
  #refuseStrangeHost({ hostname, host }: FastifyRequest): void {
    const { hosts, host: own } = this.#options
    if (!isLoopback(own)) return
    const name = hostname.replace(/^\[|\]$/g, '').toLowerCase()
    if (name === '' || isLoopback(name) || name.endsWith('.localhost') || name === own || hosts.includes(name)) return
    const message = `without keys this gateway answers only to names of this machine, not to '${host.slice(0, 100)}': create a key (hybrid keys create), or list the name in server.hosts`
    throw new GatewayError('forbidden', message)
  }
}

function withScope(holder: KeyHolder, scope: Scope): KeyHolder {
  if (holder.scopes.includes(scope) || holder.scopes.includes('admin')) return holder
  const message = `the key '${holder.name}' has no scope ${scope} (it has ${holder.scopes.join(', ')}): use another key`
  throw new GatewayError('forbidden', message)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)
}
