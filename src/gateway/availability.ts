import type { Availability, ModelCard } from '../core/model.ts'
import type { OpenProvider } from '../providers/provider.ts'
import type { Health } from './health.ts'

export interface AvailabilityOptions {
  readonly models: readonly ModelCard[]
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly checkSeconds: number
  /** Models that failed rest, whatever a check says that does not call them. */
  readonly health: Health
  /** Told when a model comes or goes, after the first look. */
  readonly changed: (model: ModelCard, availability: Availability) => void
}

const notYet: Availability = { available: false, reason: 'not checked yet' }

/** Knows which models can answer. It asks the providers in the background, so that a request never has to. */
export class AvailabilityMonitor {
  readonly #options: AvailabilityOptions
  readonly #states = new Map<string, Availability>()
  readonly #stop = new AbortController()
  readonly #checking = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: AvailabilityOptions) {
    this.#options = options
  }

  of = (model: ModelCard): Availability => {
    const state = this.#states.get(model.name) ?? notYet
    const reason = state.available ? this.#options.health.rests(model) : ''
    return reason === '' ? state : { ...state, available: false, resting: true, reason }
  }

  get health(): Health {
    return this.#options.health
  }

  /** Looks at every provider once, then again and again until `stop`. Resolves after the first look. */
  async start(): Promise<void> {
    await this.checkNow()
    this.#timer = setInterval(() => void this.checkNow(), this.#options.checkSeconds * 1000)
    this.#timer.unref()
  }

  async checkNow(): Promise<void> {
    await Promise.all([...this.#options.providers].map(([name, provider]) => this.#checkOnce(name, provider)))
  }

  /** A provider says that something changed. A look that is under way may have begun before that, so one follows it. */
  async providerChanged(name: string): Promise<void> {
    await this.#checking.get(name)
    for (const model of this.#modelsOf(name)) this.#options.health.forget(model)
    const provider = this.#options.providers.get(name)
    if (provider !== undefined && !this.#stop.signal.aborted) await this.#checkOnce(name, provider)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stop.abort()
  }

  /** Never two looks at one provider at a time: a slow server is not asked faster than it answers. */
  #checkOnce(name: string, provider: OpenProvider): Promise<void> {
    const running = this.#checking.get(name)
    if (running !== undefined) return running

    const models = this.#modelsOf(name)
    const check = provider
      .check(models, this.#stop.signal)
      .then((states) => {
        if (this.#stop.signal.aborted) return
        for (const model of models) this.#set(model, states.get(model.name) ?? notYet)
      })
      .finally(() => this.#checking.delete(name))
    this.#checking.set(name, check)
    return check
  }

  #modelsOf(provider: string): readonly ModelCard[] {
    return this.#options.models.filter((model) => model.provider === provider)
  }

  #set(model: ModelCard, availability: Availability): void {
    const before = this.#states.get(model.name)
    this.#states.set(model.name, availability)
    if (before !== undefined && before.available !== availability.available) {
      this.#options.changed(model, availability)
    }
  }
}
