import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pythonClients } from '../../scripts/python-clients.mjs'
import { type Call, type Driver, mostTurns, type Place, pixel, type Refusal, weather } from './driver.ts'

const folder = new URL('../wire/python/', import.meta.url)

/** An error of a Python package, by the name of its class. */
class PythonError extends Error {
  override readonly name = 'PythonError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`${refusal.error}: ${refusal.message}`)
    this.refusal = refusal
  }
}

export function pythonRefusal(error: unknown): Refusal | undefined {
  return error instanceof PythonError && error.refusal.status !== undefined ? error.refusal : undefined
}

/** Drivers whose calls are run by a program of test/wire/python. It starts with the first call, and ends with this process. */
export function pythonDriver(program: string): (place: Place) => Required<Driver> {
  let started: Promise<PythonProgram> | undefined
  const run = async <Result>(call: string, { place, text }: Task, signal?: AbortSignal): Promise<Result> => {
    started ??= startProgram(program)
    return (await started).run(call, { place, text }, signal) as Promise<Result>
  }
  return (place) => ({
    plain: (text) => run<string>('plain', { place, text }),
    stream: (text) => run<readonly string[]>('stream', { place, text }),
    tools: (text) => run<readonly Call[]>('tools', { place, text }),
    toolLoop: (text) => run('toolLoop', { place, text }),
    jsonSchema: (text) => run('jsonSchema', { place, text }),
    image: (text) => run<string>('image', { place, text }),
    embeddings: (texts) => run('embeddings', { place, text: texts }),
    badField: (text) => run('badField', { place, text }),
    abortStream: (text) => run('abortStream', { place, text }),
    abortWhole: (text, signal) => run('abortWhole', { place, text }, signal),
  })
}

interface Task {
  readonly place: Place
  readonly text: string | readonly string[]
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly error: string; readonly status: number | null; readonly message: string }
}

async function startProgram(program: string): Promise<PythonProgram> {
  const { python, env } = await pythonClients()
  const child = spawn(python, [fileURLToPath(new URL(program, folder))], {
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return new PythonProgram(program, child)
}

/** A program that answers lines with lines. Keeps this process running only while a call is under way. */
class PythonProgram {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #complaints = ''
  #last = 0

  constructor(program: string, child: ChildProcess) {
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text
    })
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line))
    // A program that has died is told by what follows, with its last words.
    child.stdin?.on('error', () => {})
    child.once('close', (code) => {
      const message = `${program} ended with ${code}: ${this.#complaints}`
      for (const [id] of this.#waiting) this.#settle({ id, error: { error: 'Error', status: null, message } })
    })
    this.#hold(false)
  }

  /** What the call gave. Rejects with a `PythonError`. */
  run(call: string, { place, text }: Task, signal?: AbortSignal): Promise<unknown> {
    const id = ++this.#last
    const settled = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result)
        else reject(new PythonError({ ...error, status: error.status ?? undefined }))
      })
    })
    this.#hold(true)
    this.#tell({ id, call, place: { ...place, weather, pixel, mostTurns }, text })
    signal?.addEventListener('abort', () => this.#tell({ id, call: 'abort' }), { once: true })
    return settled
  }

  #tell(command: object): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`)
  }

  #answered(line: string): void {
    this.#settle(JSON.parse(line))
  }

  #settle(answer: Answer): void {
    this.#waiting.get(answer.id)?.(answer)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#hold(false)
  }

  /** Whether this process may not end yet. */
  #hold(needed: boolean): void {
    const pipes = [this.#child.stdin, this.#child.stdout, this.#child.stderr] as unknown as readonly Socket[]
    for (const each of [this.#child, ...pipes]) {
      if (needed) each.ref()
      else each.unref()
    }
  }
}
