import { GatewayError } from '../core/errors.ts'
import { editFields } from '../core/json-splice.ts'
import type { ClientRequest } from '../core/request.ts'
import type { ProviderCall } from '../providers/provider.ts'
import {
  type HeaderValues,
  messageOf,
  parseRecord,
  statusError,
  type UpstreamIdentity,
  upstreamError,
} from '../upstream/errors.ts'
import type { UpstreamReply } from '../upstream/exchange.ts'
import type { ServerEvent } from '../upstream/sse.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** A whole reply is written before its headers come: this long at least is waited for them, in milliseconds. */
const wholeReplyMs = 600_000

const longestError = 1024 * 1024
const longestReply = 64 * 1024 * 1024

/** The client's own request where the model speaks its dialect, so that bytes can pass; else undefined. */
export function passingClient({ request, model }: ProviderCall): ClientRequest | undefined {
  return model.dialects.includes(request.dialect) ? request.client : undefined
}

export interface NativeRequest {
  readonly path: string
  readonly bodyText: string
  readonly client: ClientRequest
  readonly dialect: string
  readonly stream: boolean
  /** Longest wait for the headers of a stream. */
  readonly firstByteTimeoutMs: number
}

/** Sends the client's own request; a reply that is no success is thrown with its own words (`GatewayError.upstream`). */
export async function openNative(
  upstream: Upstream,
  native: NativeRequest,
  signal: AbortSignal,
): Promise<UpstreamReply> {
  const { path, bodyText, client, dialect, stream, firstByteTimeoutMs } = native
  const headersMs = stream ? firstByteTimeoutMs : Math.max(firstByteTimeoutMs, wholeReplyMs)
  const reply = await upstream.open(
    { method: 'POST', path: path + client.query, headers: client.headers, bodyText, firstByteTimeoutMs: headersMs },
    signal,
  )
  const { status, headers } = reply
  const type = String(headers['content-type'] ?? '')
  if (status < 300 && !(stream && /^(text\/html|application\/json)\b/i.test(type))) return reply

  const body = await upstream.readText(reply.body, longestError).catch(() => '')
  const message = messageOf(body)
  if (status >= 300) throw statusError(upstream.identity, { status, headers, message, native: { dialect, body } })
  // A success that is no stream: a proxy's page, or an error in disguise.
  const said = message === '' ? `sent ${type} where a stream was due: is the URL right?` : `answered: ${message}`
  throw upstreamError(upstream.identity, 'upstream_failed', said)
}

export function readWhole(upstream: Upstream, { body }: UpstreamReply): Promise<string> {
  return upstream.readText(body, longestReply)
}

/** The object of a whole reply. One that stops before its end was cut, as a stream is cut: its server has worked. */
export function parseWhole(text: string, identity: UpstreamIdentity): Readonly<Record<string, unknown>> {
  const body = text.trim()
  const isCut = body === '' || (body.startsWith('{') && !body.endsWith('}'))
  if (isCut) throw upstreamError(identity, 'upstream_cut', 'ended its reply before it was complete')
  return parseRecord(body, identity)
}

const kept = /^(anthropic-ratelimit-|x-ratelimit-|openai-|anthropic-priority-)/
/** They name the operator's account. */
const operators = new Set(['openai-organization', 'openai-project'])

/** The headers of a vendor's reply that mean something to its client. */
export function clientHeaders(headers: HeaderValues): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || !kept.test(name) || operators.has(name)) return []
    return [[name, Array.isArray(value) ? value.join(', ') : value] as const]
  })
  return Object.fromEntries(entries)
}

/** The error with the frame that told it, for a client that reads the frames; not where it is about our own key. */
export function toldBy(error: unknown, frame: string | undefined): unknown {
  if (!(error instanceof GatewayError) || frame === undefined || error.code === 'upstream_unauthorized') return error
  const { code, message, cause, retryAfterSeconds } = error
  return new GatewayError(code, message, {
    cause,
    frame,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  })
}

/** The frame of an event whose data was edited; its other lines stay as they came. */
export function withData({ frame, event }: ServerEvent, data: string): string {
  const named = /^event:/m.test(frame) ? `event: ${event}\n` : ''
  return `${named}data: ${data}\n\n`
}

/** The body with `edits`, or the very same text where there is nothing to edit. */
export function edited(body: string, edits: Readonly<Record<string, unknown>>): string {
  return Object.keys(edits).length === 0 ? body : editFields(body, edits)
}
