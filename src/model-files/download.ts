import { open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { z } from 'zod'

/** One source could not give the file; the message is a short reason, and the next source is tried. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  /** True where the same source may do better in a moment. */
  readonly again: boolean

  constructor(message: string, options: { readonly again?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.again = options.again ?? false
  }
}

export interface DownloadOptions {
  readonly url: string
  /** Where the bytes are gathered; `PART.json` beside it remembers which file they belong to. */
  readonly part: string
  readonly bytes: number | undefined
  readonly onBytes: (doneBytes: number, totalBytes: number | undefined) => void
  readonly signal: AbortSignal
  /** Before the second try; the third waits four times as long. */
  readonly pauseMs?: number
}

const tries = 3
const connectMs = 5_000
const idleMs = 30_000
const redirectsAtMost = 5
/** A try that brought this much is no failure of the source, only a cut: the count starts again. */
const worthwhileBytes = 1_048_576
/** Nobody answers there, and asking again would only cost the operator time. */
const hopeless = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])
const remembered = z.object({ url: z.string(), etag: z.string() })

/** Downloads to `part`, going on where an earlier download was cut. Throws `SourceError`, or the error of the disk. */
export async function download(options: DownloadOptions): Promise<void> {
  const pooled = { connect: { timeout: connectMs }, headersTimeout: idleMs, bodyTimeout: idleMs }
  const dispatcher = isLoopback(new URL(options.url)) ? new Agent(pooled) : new EnvHttpProxyAgent(pooled)
  try {
    for (let failures = 0; ; ) {
      const before = await sizeOf(options.part)
      try {
        return await downloadOnce(options, dispatcher)
      } catch (error) {
        if (!(error instanceof SourceError) || !error.again) throw error
        failures = (await sizeOf(options.part)) - before >= worthwhileBytes ? 1 : failures + 1
        if (failures === tries) throw error
        await sleep((options.pauseMs ?? 500) * 4 ** (failures - 1), undefined, { signal: options.signal })
      }
    }
  } finally {
    await dispatcher.destroy()
  }
}

async function downloadOnce(options: DownloadOptions, dispatcher: Dispatcher): Promise<void> {
  const { url, part, bytes, onBytes, signal } = options
  const memory = await recall(`${part}.json`, url)
  const have = memory === undefined ? 0 : await sizeOf(part)
  if (have > 0 && have === bytes) return

  const headers = { 'user-agent': 'hybrid-ai-stack', 'accept-encoding': 'identity' }
  const resume: Record<string, string> =
    memory !== undefined && have > 0 ? { range: `bytes=${have}-`, 'if-range': memory.etag } : {}
  const reply = await follow(url, { ...headers, ...resume }, dispatcher, signal)

  if (reply.statusCode === 416) await rm(part, { force: true })
  if (reply.statusCode !== 200 && reply.statusCode !== 206) {
    discard(reply)
    const again = reply.statusCode >= 500 || [408, 416, 429].includes(reply.statusCode)
    throw new SourceError(`it answered ${reply.statusCode}`, { again })
  }

  const start = reply.statusCode === 206 ? have : 0
  const length = Number(single(reply.headers['content-length']) ?? Number.NaN)
  const total = Number.isFinite(length) ? start + length : undefined
  const range = single(reply.headers['content-range'])
  const misplaced = reply.statusCode === 206 && !range?.startsWith(`bytes ${have}-`)
  if (misplaced || (bytes !== undefined && total !== undefined && total !== bytes)) {
    discard(reply)
    if (misplaced) await rm(part, { force: true })
    throw new SourceError(
      misplaced ? 'it sent another part than asked for' : `its file has ${total} bytes, not ${bytes}`,
      {
        again: misplaced,
      },
    )
  }

  const etag = single(reply.headers.etag)
  if (start === 0) {
    // A weak tag does not promise the same bytes, so nothing is resumed by it.
    if (etag !== undefined && !etag.startsWith('W/')) await writeFile(`${part}.json`, JSON.stringify({ url, etag }))
    else await rm(`${part}.json`, { force: true })
  }

  const file = await open(part, start === 0 ? 'w' : 'a')
  try {
    let done = start
    onBytes(done, total ?? bytes)
    for await (const chunk of guarded(reply.body, signal)) {
      await file.writeFile(chunk)
      done += chunk.length
      onBytes(done, total ?? bytes)
    }
    await file.sync().catch(ignoreUnsupported)
    if (total !== undefined && done < total) throw new SourceError('the connection was cut', { again: true })
  } finally {
    await file.close()
  }
}

/** Follows redirects by hand: to any host, as hubs send downloads to their stores, but never to plain http. */
async function follow(
  first: string,
  headers: Record<string, string>,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let url = new URL(first)
  for (let redirects = 0; redirects <= redirectsAtMost; redirects++) {
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
      throw new SourceError(`${url.host} is not reached over https`)
    const reply = await request(url, { headers, dispatcher, signal }).catch((error: unknown) => {
      throw signal.aborted ? error : asSourceError(error, url)
    })
    const location = single(reply.headers.location)
    if (![301, 302, 303, 307, 308].includes(reply.statusCode) || location === undefined) return reply
    discard(reply)
    url = new URL(location, url)
  }
  throw new SourceError('it redirects in circles')
}

/** The library complains about a body that is not read to its end. */
function discard(reply: Dispatcher.ResponseData): void {
  reply.body.on('error', ignore).destroy()
}

async function* guarded(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    throw signal.aborted ? error : new SourceError('the connection was cut', { again: true, cause: error })
  }
}

function asSourceError(error: unknown, url: URL): SourceError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason =
    {
      ENOTFOUND: `${url.host} was not found: is there a network?`,
      EAI_AGAIN: `${url.host} was not found: is there a network?`,
      ECONNREFUSED: `${url.host} refused the connection`,
      UND_ERR_CONNECT_TIMEOUT: `${url.host} did not answer in ${connectMs / 1000} s`,
    }[code] ?? `${url.host} could not be reached (${code || (error instanceof Error ? error.message : String(error))})`
  return new SourceError(reason, { again: !hopeless.has(code) && !/CERT|TLS|SSL/.test(code), cause: error })
}

async function recall(path: string, url: string) {
  const text = await readFile(path, 'utf8').catch(() => '{}')
  try {
    const memory = remembered.safeParse(JSON.parse(text))
    return memory.success && memory.data.url === url ? memory.data : undefined
  } catch {
    return undefined
  }
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(ignore))?.size ?? 0
}

function ignoreUnsupported(error: unknown) {
  if (!(error instanceof Error && 'code' in error && error.code === 'EINVAL')) throw error
}

function ignore() {
  return undefined
}
