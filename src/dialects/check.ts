import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import type { RequestHead } from './dialect.ts'

/** The body in its checked form, or a `GatewayError` that names the first field that is wrong. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new GatewayError('invalid_request', 'the body must be a JSON object')
  }
  const result = schema.safeParse(body)
  if (result.success) return result.data

  const issue = result.error.issues[0]
  const field = fieldName(issue?.path ?? [])
  const message = issue?.message ?? 'is malformed'
  throw new GatewayError('invalid_request', field === '' ? message : `${field}: ${message}`, { field })
}

/** `messages`, 2, `role` becomes `messages[2].role`. */
function fieldName(path: readonly PropertyKey[]): string {
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
