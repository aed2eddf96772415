import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { CachedReply } from './exact-cache.ts'

/** First byte of a stored reply; one of another version is not read. */
const version = 1
const plain = 0
const zstd = 1
/** Shorter ones do not become shorter. */
const worthCompressing = 300
/** What somebody else wrote must not fill the memory. */
const longestReply = 64 * 1024 * 1024
const level = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }

/** A reply as bytes: a version, a codec, JSON. */
export function encodeReply(reply: CachedReply): Buffer {
  const text = Buffer.from(JSON.stringify(reply))
  if (text.length < worthCompressing) return Buffer.concat([Buffer.from([version, plain]), text])
  return Buffer.concat([Buffer.from([version, zstd]), zstdCompressSync(text, level)])
}

/** Undefined for what is damaged, of another version, or no reply: another program may have written it. */
export function decodeReply(bytes: Buffer): CachedReply | undefined {
  try {
    if (bytes[0] !== version) return undefined
    const body = bytes.subarray(2)
    const text = bytes[1] === zstd ? zstdDecompressSync(body, { maxOutputLength: longestReply }) : body
    return replyOf(JSON.parse(text.toString()))
  } catch {
    return undefined
  }
}

/** Only the fields that a reply has, each of its type. */
function replyOf(value: unknown): CachedReply | undefined {
  const { model, provider, backend, choices, warnings, usage, estimated } = value as CachedReply
  const isReply =
    [model, provider].every((name) => typeof name === 'string') &&
    (backend === 'local' || backend === 'cloud') &&
    Array.isArray(choices) &&
    choices.length > 0 &&
    choices.every(({ content, reason }) => Array.isArray(content) && typeof reason === 'string') &&
    choices.every(({ content }) => content.every((part: { type?: unknown } | null) => partTypes.has(part?.type))) &&
    Array.isArray(warnings) &&
    warnings.every((warning) => typeof warning === 'string') &&
    buckets.every((bucket) => Number.isFinite(usage[bucket])) &&
    typeof estimated === 'boolean'
  return isReply ? { model, provider, backend, choices, warnings, usage, estimated } : undefined
}

const partTypes: ReadonlySet<unknown> = new Set(['text', 'reasoning', 'tool-call'])
const buckets = ['input', 'cacheRead', 'cacheWrite', 'cacheWriteHour', 'output', 'reasoning'] as const
