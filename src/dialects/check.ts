import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { ChatRequest, ClientRequest, Message } from '../core/request.ts'
import type { RequestHead } from './dialect.ts'

/** The body in its checked form, or a `GatewayError` that names the first field that is wrong. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new GatewayError('invalid_request', 'the body must be a JSON object')
  }
  return checkAt(schema, body, [])
}

/** The same for a part of the body, which stands at `path`. */
export function checkAt<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: readonly PropertyKey[],
): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data

  const issue = result.error.issues[0]
  const field = fieldName([...path, ...(issue?.path ?? [])])
  const message = issue?.message ?? 'is malformed'
  throw new GatewayError('invalid_request', field === '' ? message : `${field}: ${message}`, { field })
}

/** `messages`, 2, `role` becomes `messages[2].role`. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('')
}

/** One message, be it long, is one prompt; a conversation is bounded by the size of the body and by the models. */
export function checkLength(text: string, field: string, { maxPromptCharacters }: RequestHead): void {
  if (text.length <= maxPromptCharacters) return
  const message = `${field} has ${text.length} characters; the limit is ${maxPromptCharacters} (limits.max_prompt_characters)`
  throw new GatewayError('prompt_too_long', message, { field })
}

/** What `Cache-Control` of the request asks for. */
export function cachingOf({ headers }: RequestHead): ChatRequest['caching'] {
  const directive = String(headers['cache-control'] ?? '').toLowerCase()
  if (directive.includes('no-store')) return 'off'
  return directive.includes('no-cache') ? 'refresh' : 'use'
}

export function textMessage(role: Message['role'], text: string): Message {
  return { role, content: [{ type: 'text', text }] }
}

/** The fields of `body` that `known` does not list. */
export function unknownFields(
  body: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !known.includes(key)))
}

/** What a model of the same dialect gets: the client's bytes, and those of its headers that mean something there. */
export function clientOf({ bodyText, headers, query }: RequestHead, passed: readonly string[]): ClientRequest {
  const kept = passed.flatMap((name) => {
    const value = headers[name]
    return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : value] as const]
  })
  return { body: bodyText, headers: Object.fromEntries(kept), query }
}

/**
 * The body with numbers that JavaScript would round as they were written (`parseExactly`), for what is only taken apart
 * to be written again, as the arguments of calls; undefined where there are none.
 */
export function exactBody({ bodyText }: RequestHead): unknown {
  return /\d{16}/.test(bodyText) ? parseExactly(bodyText) : undefined
}

/** What stands at a place of a parsed body; undefined where nothing does. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  )
}

/** Headers by which clients name their conversation: ours, Open WebUI's, and those of coding agents. */
const sessionHeaders = [
  'x-hybrid-session',
  'x-session-id',
  'x-openwebui-chat-id',
  'x-claude-code-session-id',
  'session_id',
]

export function sessionOf({ headers }: RequestHead, field?: unknown): string | undefined {
  const named = sessionHeaders.map((name) => headers[name]).find((value) => typeof value === 'string' && value !== '')
  const value = named ?? field
  return typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined
}

/** Without the entries that are null or undefined. */
export function defined<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(entries) as { [Key in keyof Fields]?: NonNullable<Fields[Key]> }
}
