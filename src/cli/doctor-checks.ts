import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { request } from 'undici'

/** What a look at one part of the machine found. */
export interface Finding {
  readonly part: string
  readonly state: 'ok' | 'missing' | 'problem'
  /** What is there; for the other states, what is not and the way out. */
  readonly message: string
}

export function checkNode(version: string): Finding {
  const part = 'Node'
  if (Number(version.split('.')[0]) >= 26) return { part, state: 'ok', message: version }
  return { part, state: 'problem', message: `${version}; 26 or newer is needed: start with npm start, which brings it` }
}

/** A folder that does not exist yet is fine where it can be made. */
export async function checkFolder(part: string, folder: string, variable: string): Promise<Finding> {
  const existing = await nearest(folder)
  const isFolder = (await stat(existing)).isDirectory()
  const isWritable = await access(existing, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isFolder || !isWritable) {
    return {
      part,
      state: 'problem',
      message: `${folder} cannot be written: change its owner or place, as with ${variable}`,
    }
  }
  const { bavail, bsize } = await statfs(existing)
  const free = bavail * bsize
  if (free < 200e6) return { part, state: 'problem', message: `${folder} has only ${gigabytes(free)} free: make room` }
  return { part, state: 'ok', message: `${folder} can be written, ${gigabytes(free)} free` }
}

async function nearest(folder: string): Promise<string> {
  try {
    await access(folder)
    return folder
  } catch {
    return dirname(folder) === folder ? folder : nearest(dirname(folder))
  }
}

export async function checkPort(host: string, port: number): Promise<Finding> {
  const part = 'port'
  const code = await tryPort(host, port)
  if (code === '') return { part, state: 'ok', message: `${port} is free` }
  if (code !== 'EADDRINUSE') {
    return {
      part,
      state: 'problem',
      message: `${host}:${port} cannot be opened (${code}): set GATEWAY_HOST or GATEWAY_PORT`,
    }
  }
  const gateway = await askHealth(host, port)
  if (gateway !== undefined) return { part, state: 'ok', message: `${port} is used by a running gateway (${gateway})` }
  return { part, state: 'problem', message: `${port} is used by another program: stop it, or set GATEWAY_PORT` }
}

/** Empty where the port can be had, else the error code. */
function tryPort(host: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  server.listen(port, host, () => server.close(() => resolve('')))
  return promise
}

async function askHealth(host: string, port: number): Promise<string | undefined> {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  try {
    const { body } = await request(`http://${name}:${port}/health`, { signal: AbortSignal.timeout(2000) })
    const health = (await body.json()) as { status?: unknown; version?: unknown; ledger?: unknown }
    if (health.ledger === undefined) return undefined
    return `version ${health.version}, ${health.status}`
  } catch {
    return undefined
  }
}

/** The second way to the embedded model, where the hub is not reached. */
export async function checkPython(): Promise<Finding> {
  const part = 'python3 and pip'
  const needed = 'needed only where Hugging Face is not reached'
  for (const program of ['python3', 'python']) {
    if (await runs(program, ['-m', 'pip', '--version'])) return { part, state: 'ok', message: `there (${needed})` }
  }
  return { part, state: 'missing', message: `not there; ${needed}: install python3 and python3-pip` }
}

function runs(program: string, args: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const child = spawn(program, args, { stdio: 'ignore', timeout: 5000 })
  child.once('error', () => resolve(false))
  child.once('exit', (code) => resolve(code === 0))
  return promise
}

export function checkMachine(): Finding {
  const cores = availableParallelism()
  const message = `${gigabytes(totalmem())} of memory, ${gigabytes(freemem())} free; ${cores} ${cores === 1 ? 'core' : 'cores'}`
  return totalmem() < 1e9
    ? { part: 'machine', state: 'problem', message: `${message}: less than 1 GB is too little for a local model` }
    : { part: 'machine', state: 'ok', message }
}

export function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
