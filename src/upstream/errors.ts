import { type ErrorCode, GatewayError, type GatewayErrorOptions } from '../core/errors.ts'

/** What error messages may say about a model server, and what they must never say. */
export interface UpstreamIdentity {
  /** The provider's key in the configuration. */
  readonly name: string
  /** Without credentials and query. */
  readonly url: string
  /** Where the key comes from, for the operator: `ANTHROPIC_API_KEY or providers.claude.api_key`. */
  readonly keyHint: string
  /** Values that were configured and must not appear in any message. */
  readonly secrets: readonly string[]
}

export type HeaderValues = Readonly<Record<string, string | string[] | undefined>>

const longestMessage = 500

/** An error in the provider's name: what the server said, trimmed and without secrets. */
export function upstreamError(
  identity: UpstreamIdentity,
  code: ErrorCode,
  said: string,
  options: GatewayErrorOptions = {},
): GatewayError {
  return new GatewayError(code, `provider '${identity.name}' ${trim(scrub(said, identity.secrets))}`, options)
}

export interface FailedReply {
  readonly status: number
  readonly headers?: HeaderValues
  readonly message: string
  /** The body, where it is in a dialect that the client may speak: its words are kept beside ours. */
  readonly native?: { readonly dialect: string; readonly body: string } | undefined
}

/**
 * Turns a reply that is not a success into the error that the rest of the gateway understands. What a server says about
 * our key or account stays out of `upstream`: it is none of the client's business.
 */
export function statusError(identity: UpstreamIdentity, reply: FailedReply): GatewayError {
  const { status, message, native } = reply
  const said = message === '' ? `answered with status ${status}` : `answered: ${message}`
  const retryAfterSeconds = retryAfter(reply.headers ?? {})
  const told =
    native !== undefined && isJson(native.body)
      ? { upstream: { dialect: native.dialect, status, body: scrub(native.body, identity.secrets) } }
      : {}
  const later = { ...told, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }

  if (status === 401 || status === 403) {
    // What the server said may quote part of the key, so it stays out.
    return upstreamError(
      identity,
      'upstream_unauthorized',
      `refused the API key (status ${status}): ${checkKey(identity)}`,
    )
  }
  if (status === 402 || /credit balance is too low/i.test(message)) {
    return upstreamError(identity, 'upstream_unauthorized', `${said}: check the credit of the account`)
  }
  if (status === 413 || saysTooLong(message)) return upstreamError(identity, 'context_too_long', said, told)
  if (status === 408 || status === 504) return upstreamError(identity, 'upstream_timeout', said, told)
  if (status === 429) return upstreamError(identity, 'upstream_rate_limited', said, { ...later, refused: true })
  if (status === 503 || status === 529)
    return upstreamError(identity, 'upstream_overloaded', said, { ...later, refused: true })
  // The request was fine: the model, or the whole address, is not there. Another model may do.
  if ((status === 404 || status === 405) && !namesOther(message)) {
    return upstreamError(identity, 'model_unavailable', `${said}: check the model's id and the address`, told)
  }
  if (status >= 400 && status < 500) return upstreamError(identity, 'upstream_rejected', said, told)
  return upstreamError(identity, 'upstream_failed', said, { ...later, refused: true })
}

/** What an error body says, in any of the shapes that model servers use; empty where it says nothing readable. */
export function messageOf(body: string): string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    // A page of a proxy in between helps nobody.
    return /^\s*</.test(body) ? '' : body.trim()
  }
  return messageIn(value)
}

/** The same for a body that is parsed already. */
export function messageIn(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return messageIn(value[0])
  if (!isRecord(value)) return ''
  // In this order: OpenAI, Anthropic and Ollama say `error`, others `message`, FastAPI `detail`, pydantic `msg`.
  for (const key of ['error', 'message', 'detail', 'msg']) {
    const message = messageIn(value[key])
    if (message !== '') return message
  }
  return ''
}

/** A page of a proxy is nothing that a client of the dialect could read. */
function isJson(body: string): boolean {
  return /^\s*\{/.test(body)
}

/** Parses one JSON object of a reply; anything else is no reply. */
export function parseRecord(text: string, identity: UpstreamIdentity): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw upstreamError(identity, 'upstream_failed', 'sent malformed JSON', { cause: error })
  }
  if (isRecord(value)) return value
  throw upstreamError(identity, 'upstream_failed', 'sent JSON that is not an object')
}

/** The value where it is an object, else an empty one. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

/** The value where it is an array, else an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A count as a server reports it; what is no count is none. */
export function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}

function checkKey({ keyHint }: UpstreamIdentity): string {
  return keyHint === '' ? 'does the server need one?' : `check ${keyHint}`
}

function saysTooLong(message: string): boolean {
  return /prompt is too long|context.?length|maximum context|context window|exceeds? the (available )?context/i.test(
    message,
  )
}

/** A file, or an earlier reply, that the request names and its vendor does not have: no fault of the model. */
function namesOther(message: string): boolean {
  const other = /\b(file|response|conversation|container|item|prompt|skill)\b/i
  return other.test(message) && /not found|no such|not exist/i.test(message) && !/\bmodel\b/i.test(message)
}

function retryAfter(headers: HeaderValues): number | undefined {
  const milliseconds = first(headers['retry-after-ms'])
  if (milliseconds !== undefined && /^\d+(\.\d+)?$/.test(milliseconds)) return Math.ceil(Number(milliseconds) / 1000)

  const value = first(headers['retry-after'])
  if (value === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value))
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000))
}

function first(value: string | string[] | undefined): string | undefined {
  return (Array.isArray(value) ? value[0] : value)?.trim()
}

function scrub(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    // Shorter values are words, as of a header that says `true`.
    if (secret.length < 8) continue
    clean = clean.replaceAll(secret, '[secret]')
    // Servers quote keys with their middle masked (`sk-ant-a****f3`): the beginning gives them away.
    if (secret.length >= 12) {
      const beginning = secret.slice(0, 6).replaceAll(/\W/g, '\\$&')
      clean = clean.replaceAll(new RegExp(`${beginning}[\\w*.…-]*`, 'g'), '[secret]')
    }
  }
  return clean
}

function trim(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > longestMessage ? `${line.slice(0, longestMessage - 1)}…` : line
}
