import { createHash, timingSafeEqual } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiKey } from '../core/api-key.ts'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder, Scope } from '../core/key-holder.ts'
import { StartError } from '../core/start-error.ts'
import type { AuditStore, KeyStore } from '../stores/store.ts'
import { fits, hashOf, newId, newSecret, nobodysHash, readKey, writeKey } from './secret.ts'
import type { NewKey } from './wanted-key.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Who does something to keys, for the audit log. */
export interface Actor {
  readonly id: string
  readonly name: string
  readonly address: string
}

export interface KeyRingOptions {
  /** Keys of the configuration, in the clear: they may chat, and read metrics. */
  readonly configured: readonly string[]
  /** A key of the configuration that may do everything. */
  readonly admin: string | undefined
  readonly store: KeyStore
  readonly audit: AuditStore
  /** Milliseconds between two looks at whether another process has changed the keys. */
  readonly lookMs?: number
  readonly say: (level: 'warn' | 'info', message: string) => void
  readonly now?: () => number
}

interface Configured {
  readonly digest: Buffer
  readonly holder: KeyHolder
}

/** A database that does not answer keeps nobody waiting. */
const longestMeetingMs = 500
const usedMs = 60_000

/** The keys that this gateway knows, in memory; the store is looked at in the background. */
export class KeyRing {
  readonly #options: KeyRingOptions
  readonly #now: () => number
  readonly #configured: readonly Configured[]
  #keys: ReadonlyMap<string, ApiKey> = new Map()
  #known = -1
  #failing = false
  #looking: Promise<void> | undefined
  #used = new Map<string, number>()
  #timers: NodeJS.Timeout[] = []

  private constructor(options: KeyRingOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#configured = [
      ...options.configured.map((key) => configuredKey(key, ['chat', 'metrics'], 'a key of the configuration')),
      ...(options.admin === undefined
        ? []
        : [configuredKey(options.admin, ['chat', 'admin', 'metrics'], 'the admin key of the configuration')]),
    ]
  }

  /** Reads the keys. Throws where they cannot be read: a gateway that does not know its keys must not open its door. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options)
    try {
      ring.#known = await options.store.changes()
      await ring.#read()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new StartError(`the gateway does not open its door without knowing who may come in: ${reason}`)
    }
    const { lookMs = 1000 } = options
    ring.#timers = [
      setInterval(() => void ring.look(), lookMs).unref(),
      setInterval(() => void ring.#writeUsed(), usedMs).unref(),
    ]
    return ring
  }

  /** True once there is, or ever was, a key that lets its holder chat: from then on nobody may without one. */
  get locked(): boolean {
    return this.#hasScope('chat')
  }

  get hasAdmin(): boolean {
    const now = this.#now()
    const usable = [...this.#keys.values()].filter((key) => !isOver(key, now))
    return [...this.#configured.map(({ holder }) => holder), ...usable].some(({ scopes }) => scopes.includes('admin'))
  }

  list(): readonly ApiKey[] {
    return [...this.#keys.values()].map((key) => {
      const usedAt = this.#used.get(key.id)
      return usedAt === undefined ? key : { ...key, lastUsedAt: usedAt }
    })
  }

  find(id: string): ApiKey | undefined {
    return this.#keys.get(id)
  }

  /**
   * Who the headers say that asks; undefined where they hold no key. Throws `unauthorized` for a key that is wrong,
   * expired or revoked.
   */
  holderOf(headers: Headers): KeyHolder | undefined {
    const given = keysOf(headers)
    if (given.length === 0) return undefined
    let over: string | undefined
    for (const text of given) {
      const configured = this.#configuredHolder(text)
      if (configured !== undefined) return configured
      const key = this.#storedKey(text)
      if (key === undefined) continue
      over = isOver(key, this.#now())
      if (over !== undefined) continue
      this.#used.set(key.id, this.#now())
      return holderOf(key)
    }
    throw new GatewayError('unauthorized', over ?? 'the key is not one of this gateway')
  }

  /** True where a key of this gateway's making was sent, known or not. */
  holdsOwn(headers: Headers): boolean {
    return keysOf(headers).some((text) => readKey(text) !== undefined)
  }

  /** A key that is not known here may have been made at another gateway a moment ago: the keys are read anew. */
  async meet(headers: Headers): Promise<void> {
    const own = keysOf(headers).filter((text) => readKey(text) !== undefined)
    if (own.length === 0 || own.some((text) => this.#storedKey(text) !== undefined)) return
    // One that is under way may have begun before.
    const read = async () => {
      await this.#looking
      await this.look()
    }
    await Promise.race([read(), sleep(longestMeetingMs)])
  }

  /** The new key in the clear, which is never seen again, and what was stored of it. */
  async create(wanted: NewKey, actor: Actor): Promise<{ readonly text: string; readonly key: ApiKey }> {
    const secret = newSecret()
    const key: ApiKey = { ...wanted, id: newId(), hash: hashOf(secret), createdAt: this.#now() }
    await this.#put(key, actor, 'keys.create', Object.keys(wanted))
    return { text: writeKey({ id: key.id, secret }), key }
  }

  /** A new secret for the same holder; the one before is taken for `graceSeconds` more. */
  async rotate(
    id: string,
    graceSeconds: number,
    actor: Actor,
  ): Promise<{ readonly text: string; readonly key: ApiKey }> {
    const known = this.#usable(id)
    const secret = newSecret()
    const { before: _, ...rest } = known
    const key: ApiKey = {
      ...rest,
      hash: hashOf(secret),
      ...(graceSeconds > 0 && { before: { hash: known.hash, until: this.#now() + graceSeconds * 1000 } }),
    }
    await this.#put(key, actor, 'keys.rotate', [`grace ${graceSeconds} s`])
    return { text: writeKey({ id, secret }), key }
  }

  async revoke(id: string, actor: Actor): Promise<ApiKey> {
    const key: ApiKey = { ...this.#usable(id), revokedAt: this.#now() }
    await this.#put(key, actor, 'keys.revoke', [])
    return key
  }

  async update(id: string, changes: Partial<NewKey>, actor: Actor): Promise<ApiKey> {
    const key: ApiKey = { ...this.#usable(id), ...changes }
    await this.#put(key, actor, 'keys.update', Object.keys(changes))
    return key
  }

  /** Reads the keys anew where another process has changed them. Never throws: what is known goes on to count. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#looking
    await this.#writeUsed()
  }

  async #look(): Promise<void> {
    const { store, say } = this.#options
    try {
      const changes = await store.changes()
      if (changes !== this.#known) {
        await this.#read()
        this.#known = changes
      }
      if (this.#failing) say('info', 'the keys can be read again')
      this.#failing = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#failing) say('warn', `the keys cannot be read (${reason}): those that are known go on to count`)
      this.#failing = true
    }
  }

  async #read(): Promise<void> {
    const keys = await this.#options.store.all()
    this.#keys = new Map(keys.map((key) => [key.id, key]))
  }

  async #put(key: ApiKey, actor: Actor, action: string, details: readonly string[]): Promise<void> {
    const { store, audit } = this.#options
    await store.put(key)
    // At once here; others see it at their next look.
    this.#keys = new Map([...this.#keys, [key.id, key]])
    const { id, name, address } = actor
    await audit.append({ at: this.#now(), actor: id, actorName: name, action, target: key.id, address, details })
  }

  async #writeUsed(): Promise<void> {
    const used = this.#used
    if (used.size === 0) return
    this.#used = new Map()
    // Nobody misses a minute of this.
    await this.#options.store.used(used).catch(() => {})
  }

  #usable(id: string): ApiKey {
    const key = this.#keys.get(id)
    if (key === undefined) throw new GatewayError('not_found', `there is no key ${id.slice(0, 40)}`, { field: 'id' })
    if (key.revokedAt === undefined) return key
    throw new GatewayError('invalid_request', `the key ${id} was revoked: create a new one`, { field: 'id' })
  }

  #hasScope(scope: Scope): boolean {
    const holders = [...this.#configured.map(({ holder }) => holder), ...this.#keys.values()]
    // An administrator may chat, but a gateway that has only an administrator's key is not locked for that.
    return holders.some(({ scopes }) => scopes.includes(scope) && !scopes.includes('admin'))
  }

  #configuredHolder(text: string): KeyHolder | undefined {
    const sent = digest(text)
    // All are compared, so that the time does not tell which one is near.
    return this.#configured.filter((known) => timingSafeEqual(known.digest, sent))[0]?.holder
  }

  #storedKey(text: string): ApiKey | undefined {
    const parts = readKey(text)
    const key = parts && this.#keys.get(parts.id)
    const secret = parts?.secret ?? ''
    const now = this.#now()
    const isCurrent = fits(secret, key?.hash ?? nobodysHash)
    const isBefore = fits(secret, key?.before?.hash ?? nobodysHash) && (key?.before?.until ?? 0) > now
    return isCurrent || isBefore ? key : undefined
  }
}

/** Why the key counts no more, in words for its holder; undefined where it does. */
function isOver({ expiresAt, revokedAt }: ApiKey, now: number): string | undefined {
  if (revokedAt !== undefined) return 'this key was revoked: ask the operator of the gateway for another one'
  if (expiresAt === undefined || expiresAt > now) return undefined
  return `this key expired at ${new Date(expiresAt).toISOString()}: ask the operator of the gateway for another one`
}

function holderOf({ id, name, team, scopes, models, policies, limits, budgets }: ApiKey): KeyHolder {
  return {
    id,
    name,
    team,
    scopes,
    ...(models !== undefined && { models }),
    ...(policies !== undefined && { policies }),
    ...(limits !== undefined && { limits }),
    ...(budgets !== undefined && { budgets }),
  }
}

function configuredKey(key: string, scopes: readonly Scope[], name: string): Configured {
  const sum = digest(key)
  return { digest: sum, holder: { id: sum.toString('hex').slice(0, 16), name, team: '', scopes } }
}

/** Some clients send their key in several headers, and not always the same one. */
function keysOf(headers: Headers): readonly string[] {
  const bearer = /^bearer +(\S+)$/i.exec(String(headers.authorization ?? ''))?.[1]
  const given = [bearer, headers['x-api-key'], headers['api-key']]
  return given.filter((key): key is string => typeof key === 'string' && key !== '')
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
