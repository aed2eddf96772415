import { createHash } from 'node:crypto'
import type { LoadedConfig } from './config/load.ts'
import { ConfigError } from './config/problem.ts'
import { GatewayError } from './core/errors.ts'
import type { ModelCard } from './core/model.ts'
import { dialects } from './dialects/index.ts'
import type { OpenedHouse } from './house.ts'
import { budgetRoutes } from './http/budget-routes.ts'
import { cacheRoutes } from './http/cache-routes.ts'
import { type ConfigState, configRoutes } from './http/config-routes.ts'
import { keyRoutes } from './http/key-routes.ts'
import { ledgerRoutes } from './http/ledger-routes.ts'
import type { ServerOptions } from './http/server.ts'
import type { Actor } from './keys/key-ring.ts'

/** What cannot change while requests run: sockets, files and parts that are shared. */
const fixed = ['server', 'data_dir', 'database', 'ledger', 'redis', 'log'] as const

/** The house that answers now; another configuration opens another one, and requests that run end where they began. */
export class LiveHouse {
  readonly #loadAgain: () => LoadedConfig
  readonly #say: (level: 'info' | 'warn', message: string) => void
  #house: OpenedHouse
  #reloading = false
  #since = Date.now()
  #lastError = ''
  /** One array for as long as the process lives: the front door lists it. */
  readonly models: ModelCard[]

  constructor(
    house: OpenedHouse,
    loadAgain: () => LoadedConfig,
    say: (level: 'info' | 'warn', message: string) => void,
  ) {
    this.#house = house
    this.#loadAgain = loadAgain
    this.#say = say
    this.models = [...house.models]
  }

  get state(): ConfigState {
    const { printable, file } = this.#house.loaded
    const digest = createHash('sha256').update(JSON.stringify(printable)).digest('hex').slice(0, 12)
    return { digest, since: this.#since, file, lastError: this.#lastError, printable }
  }

  get house(): OpenedHouse {
    return this.#house
  }

  #read(): LoadedConfig {
    try {
      return this.#loadAgain()
    } catch (error) {
      if (error instanceof ConfigError) throw new GatewayError('invalid_request', error.message)
      throw error
    }
  }

  /** Reads the configuration anew: all of it counts from now on, or, where it throws, nothing has changed. */
  async reload(actor: Actor): Promise<{ readonly changed: readonly string[]; readonly warnings: readonly string[] }> {
    if (this.#reloading) throw new GatewayError('invalid_request', 'the configuration is being read already: wait')
    this.#reloading = true
    try {
      const before = this.#house
      const loaded = this.#read()
      const changed = changedSections(before.loaded, loaded)
      const stuck = changed.filter((section) => (fixed as readonly string[]).includes(section))
      if (stuck.length > 0) {
        const message = `${stuck.join(', ')} cannot change while the gateway runs: start it again, or change them back`
        throw new GatewayError('invalid_request', message, { field: stuck[0] ?? '' })
      }
      this.#lastError = ''
      if (changed.length === 0) return { changed, warnings: loaded.warnings }
      const next = await before.reopen(loaded)
      // From here on nothing waits: every request that comes is answered by the new one.
      this.#house = next
      this.#since = Date.now()
      this.models.splice(0, this.models.length, ...next.models)
      warmUp(next)
      void before.retire(next).catch((error: unknown) => this.#say('warn', `what was open before: ${String(error)}`))
      this.#say('info', `the configuration was read anew: ${changed.join(', ')} changed`)
      const { id, name, address } = actor
      const entry = { at: Date.now(), actor: id, actorName: name, action: 'config.reload', target: '', address }
      await next.audit.append({ ...entry, details: changed })
      return { changed, warnings: loaded.warnings }
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error)
      throw error
    } finally {
      this.#reloading = false
    }
  }
}

export function warmUp({ rooms, models }: OpenedHouse): void {
  for (const [name, provider] of rooms.providers) {
    provider.warmUp?.(models.filter((model) => model.provider === name))
  }
}

/** Everything that the front door asks of the house, whichever is the present one. */
export function frontDoor(live: LiveHouse): Omit<ServerOptions, 'config' | 'logger' | 'version'> {
  const { keys, account, audit } = live.house
  const now = () => live.house
  return {
    keys,
    account,
    dialects,
    models: live.models,
    adminRoutes: [
      ...keyRoutes(keys, audit),
      ...ledgerRoutes(account),
      ...budgetRoutes({ report: (holders) => now().budgets.report(holders) }, keys),
      ...cacheRoutes(
        () => now().cache,
        () => now().semantic,
        audit,
      ),
      ...configRoutes(
        () => live.state,
        (actor) => live.reload(actor),
      ),
    ],
    limits: { enter: (holder, address, counts) => now().limits.enter(holder, address, counts) },
    parts: () => now().parts(),
    maxPromptCharacters: () => now().loaded.config.limits.max_prompt_characters,
    answer: (request, signal) => now().answer(request, signal),
    route: (request) => now().route(request),
    embed: (request, signal) => now().embed(request, signal),
    countTokens: (request, signal) => now().countTokens(request, signal),
    resolve: (name) => now().resolve(name),
    availability: (model) => now().availability(model),
    wishOf: (caller, wish) => now().wishOf(caller, wish),
    giveFeedback: (feedback) => now().giveFeedback(feedback),
  }
}

function changedSections(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const [one, other] = [before.config, after.config] as unknown as readonly Readonly<Record<string, unknown>>[]
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])
  // It follows from the models.
  names.delete('baseline')
  return [...names].filter((name) => JSON.stringify(one?.[name]) !== JSON.stringify(other?.[name]))
}
