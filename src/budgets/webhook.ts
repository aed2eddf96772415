import { setTimeout as sleep } from 'node:timers/promises'
import type { Alert } from './alerts.ts'

export interface WebhookOptions {
  /** Chosen by the operator; nobody else names it. */
  readonly url: string
  readonly say: (level: 'warn', message: string) => void
  readonly timeoutMs?: number
  /** Pause before the second try; it doubles. */
  readonly pauseMs?: number
}

const mostWaiting = 100
const tries = 6

/** Posts alerts as JSON, one after the other, several times where nobody takes them. */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #closing = new AbortController()
  readonly #waiting: Alert[] = []
  #running: Promise<void> | undefined

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  post(alert: Alert): void {
    if (this.#closing.signal.aborted) return
    this.#waiting.push(alert)
    if (this.#waiting.length > mostWaiting) {
      const [lost] = this.#waiting.splice(1, 1)
      this.#options.say('warn', `an alert was not posted, too many wait: ${lost?.name} at ${lost?.threshold}`)
    }
    this.#running ??= this.#postAll().finally(() => {
      this.#running = undefined
    })
  }

  /** What waits is tried once more; nobody waits long for it. */
  async close(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await Promise.race([running, sleep(1000)])
    this.#closing.abort()
    await running
  }

  async #postAll(): Promise<void> {
    for (let alert = this.#waiting[0]; alert !== undefined; alert = this.#waiting[0]) {
      await this.#postOne(alert)
      this.#waiting.shift()
    }
  }

  async #postOne(alert: Alert): Promise<void> {
    const { url, say, timeoutMs = 5000, pauseMs = 1000 } = this.#options
    const closing = this.#closing.signal
    let failure = ''
    for (let attempt = 0; attempt < tries && !closing.aborted; attempt++) {
      if (attempt > 0) await sleep(pauseMs * 2 ** (attempt - 1), undefined, { signal: closing }).catch(() => {})
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(alert),
          // Where it goes was decided once.
          redirect: 'error',
          signal: AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]),
        })
        await response.body?.cancel()
        if (response.ok) return
        failure = `status ${response.status}`
        if (response.status < 500 && response.status !== 429 && response.status !== 408) break
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error)
      }
    }
    say('warn', `an alert was not taken by budgets.alerts.webhook (${failure}): ${alert.name} at ${alert.threshold}`)
  }
}
