import type { Listening, Notice } from './shared-replies.ts'

/** Who waits for news of which key, in this process. */
export class Notices {
  readonly #listeners = new Map<string, Set<(notice: Notice) => void>>()

  isAwaited(key: string): boolean {
    return this.#listeners.has(key)
  }

  tell(key: string, notice: Notice): void {
    for (const listener of this.#listeners.get(key) ?? []) listener(notice)
  }

  listen(key: string): Listening {
    const told: Notice[] = []
    let wake = () => {}
    const listener = (notice: Notice) => {
      told.push(notice)
      wake()
    }
    const all = this.#listeners.get(key) ?? new Set()
    all.add(listener)
    this.#listeners.set(key, all)
    return {
      async next(milliseconds, signal) {
        if (told.length === 0 && !signal.aborted) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(() => wake(), milliseconds)
            wake = () => {
              clearTimeout(timer)
              signal.removeEventListener('abort', wake)
              wake = () => {}
              resolve()
            }
            signal.addEventListener('abort', wake, { once: true })
          })
        }
        return told.shift()
      },
      stop: () => {
        all.delete(listener)
        if (all.size === 0) this.#listeners.delete(key)
      },
    }
  }
}
