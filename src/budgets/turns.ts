/** A place in a queue. */
export interface Turn {
  /** Resolves after so long, or when something was given back; true where this one is the first. */
  readonly wait: (milliseconds: number) => Promise<boolean>
  readonly leave: () => void
}

/** Queues of those who wait for the same: the first one tries, so that the others do not ask in vain. */
export class Turns {
  readonly #queues = new Map<string, object[]>()
  readonly #wakers = new Set<() => void>()

  join(name: string): Turn {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    const me = {}
    queue.push(me)
    return {
      wait: (milliseconds) =>
        new Promise((resolve) => {
          const wake = () => {
            clearTimeout(timer)
            this.#wakers.delete(wake)
            resolve(queue[0] === me)
          }
          const timer = setTimeout(wake, milliseconds)
          this.#wakers.add(wake)
        }),
      leave: () => {
        queue.splice(queue.indexOf(me), 1)
        if (queue.length === 0) this.#queues.delete(name)
        else this.wake()
      },
    }
  }

  wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}
