import { Worker } from 'node:worker_threads'
import type { Near } from './vector-index.ts'
import type { Result, Task, WorkerOptions } from './worker.ts'

interface Waiting {
  readonly resolve: (result: Result | undefined) => void
  readonly timer: NodeJS.Timeout
}

/** More texts than this do not wait for the worker: it is too slow for them. */
const mostWaiting = 64

/**
 * Texts to vectors, and the nearest vectors, in a thread of its own: nothing of it holds up requests. What does not come in
 * time comes as undefined.
 */
export class Engine {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #failure = ''

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', ({ call, result }: { readonly call?: number; readonly result?: Result }) => {
      if (call === undefined) return
      const waiting = this.#waiting.get(call)
      this.#waiting.delete(call)
      clearTimeout(waiting?.timer)
      waiting?.resolve(result)
    })
    worker.on('error', (error) => this.#gone(error instanceof Error ? error.message : String(error)))
    worker.on('exit', () => this.#gone('it ended'))
  }

  /** Resolves when the model is loaded. */
  static async open(options: WorkerOptions): Promise<Engine> {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options })
    worker.unref()
    const engine = new Engine(worker)
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve())
      worker.once('error', reject)
    })
    return engine
  }

  /** Why nothing comes of it any more; empty while it runs. */
  get failure(): string {
    return this.#failure
  }

  /** Of length 1, so that a dot product is the cosine. */
  async embed(text: string, withinMs: number): Promise<Float32Array | undefined> {
    if (this.#waiting.size >= mostWaiting) return undefined
    const vector = await this.#call({ do: 'embed', text }, withinMs)
    return vector instanceof Float32Array ? vector : undefined
  }

  async find(
    partition: string,
    vector: Float32Array,
    limit: number,
    withinMs: number,
  ): Promise<readonly Near[] | undefined> {
    return (await this.#call({ do: 'find', partition, vector, limit }, withinMs)) as readonly Near[] | undefined
  }

  /** Says which vectors were forgotten for it. */
  async put(id: string, partition: string, vector: Float32Array): Promise<readonly string[]> {
    return ((await this.#call({ do: 'put', id, partition, vector }, 10_000)) ?? []) as readonly string[]
  }

  used(id: string): void {
    void this.#call({ do: 'used', id }, 10_000)
  }

  async remove(id: string): Promise<void> {
    await this.#call({ do: 'remove', id }, 10_000)
  }

  async size(): Promise<number> {
    return ((await this.#call({ do: 'size' }, 1000)) ?? 0) as number
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #call(task: Task, withinMs: number): Promise<Result | undefined> {
    if (this.#failure !== '') return Promise.resolve(undefined)
    const call = ++this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(call)
        resolve(undefined)
      }, withinMs)
      this.#waiting.set(call, { resolve, timer })
      this.#worker.postMessage({ call, task })
    })
  }

  #gone(reason: string): void {
    this.#failure ||= reason
    for (const { resolve, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      resolve(undefined)
    }
    this.#waiting.clear()
  }
}
