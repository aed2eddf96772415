import { z } from 'zod'
import type { OpaquePart, OutputPart, ReasoningPart } from '../core/content.ts'
import { defined } from '../dialects/check.ts'

/** What OpenRouter calls Claude's form; the only vendor whose signed thoughts come through here. */
const claudeFormat = 'anthropic-claude-v1'

const text = z.string({ error: 'must be a string' }).nullish()

/**
 * Reasoning in an assistant message. OpenAI has no field for it: `reasoning_content` is DeepSeek's, `reasoning` and
 * `reasoning_details`, which also holds signatures, are OpenRouter's. Clients send back what they got.
 */
export const reasoningFields = {
  reasoning_content: text,
  reasoning: text,
  reasoning_details: z.array(z.looseObject({}), { error: 'must be an array of objects' }).nullish(),
}

export type ReasoningFields = z.infer<z.ZodObject<typeof reasoningFields>>

interface DetailFields {
  readonly index?: number
  readonly text?: string
  readonly signature?: string
}

export interface ReasoningDetail extends DetailFields {
  readonly type: string
  readonly data?: string
  readonly format: string
}

/** The reasoning of a reply in OpenRouter's form; empty where nothing of it must come back to its vendor unchanged. */
export function reasoningDetails(content: readonly OutputPart[]): readonly ReasoningDetail[] {
  const parts = content.filter((part) => part.type === 'reasoning')
  if (parts.every(({ signature, redacted }) => signature === undefined && redacted === undefined)) return []
  return parts.map(({ text, signature, redacted }, index) =>
    redacted === undefined
      ? { type: 'reasoning.text', text, ...(signature !== undefined && { signature }), format: claudeFormat, index }
      : { type: 'reasoning.encrypted', data: redacted, format: claudeFormat, index },
  )
}

/** The way back. Details hold everything that the plain fields hold. */
export function readReasoning({
  reasoning_details: details,
  reasoning_content: content,
  reasoning,
}: ReasoningFields): readonly (ReasoningPart | OpaquePart)[] {
  if (details !== null && details !== undefined && details.length > 0) return joined(details).map(readDetail)
  const said = content ?? reasoning ?? ''
  return said === '' ? [] : [{ type: 'reasoning', text: said }]
}

/** Some clients keep the details of a stream as they came, in pieces. */
function joined(details: readonly Readonly<Record<string, unknown>>[]): readonly Readonly<Record<string, unknown>>[] {
  const whole: Record<string, unknown>[] = []
  for (const detail of details) {
    const last = whole.at(-1)
    const continues = last !== undefined && last.type === 'reasoning.text' && detail.type === 'reasoning.text'
    if (!continues || detail.index === undefined || last.index !== detail.index) {
      whole.push({ ...detail })
      continue
    }
    last.text = textOf(last.text) + textOf(detail.text)
    const signature = detail.signature ?? last.signature
    if (signature !== undefined) last.signature = signature
  }
  return whole
}

/** An object from outside may not become a string: its `toString` need not be a function. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function readDetail({ type, text, summary, signature, data, format }: Readonly<Record<string, unknown>>) {
  // Another vendor's signature means nothing to Claude, which would refuse the whole request.
  const isClaude = format === undefined || format === null || format === claudeFormat
  const words = type === 'reasoning.summary' ? summary : text
  if (type === 'reasoning.encrypted' && isClaude && typeof data === 'string') {
    return { type: 'reasoning', text: '', redacted: data } satisfies ReasoningPart
  }
  if (typeof words !== 'string' && typeof signature !== 'string') {
    return { type: 'opaque', kind: 'reasoning_details' } satisfies OpaquePart
  }
  const signed = isClaude && typeof signature === 'string' && signature !== '' ? signature : undefined
  return {
    type: 'reasoning',
    text: textOf(words),
    ...defined({ signature: signed }),
  } satisfies ReasoningPart
}
