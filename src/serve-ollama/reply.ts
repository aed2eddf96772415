import { z } from 'zod'
import { joinText, type ToolCallPart } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { Receipt } from '../core/receipt.ts'
import type { ContentDelta, FinishReason, TokenLogprob } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { AnswerFacts, FrameWriter, WholeReply } from '../dialects/dialect.ts'
import { ollamaError } from './errors.ts'

/** What the model said: the whole of it, or one line's worth. */
interface Said {
  readonly text: string
  readonly thinking?: string
  readonly calls?: readonly object[]
}

/** Where a dialect puts what the model said. */
export type Shape = (said: Said) => object

const token = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) })

/** Of replies that are not streamed, beside what the model said. */
export const replyFields = {
  model: z.string().describe('As the request named it.'),
  remote_model: z.string().optional().describe('The configured model that answered.'),
  created_at: z.string(),
  done: z.literal(true),
  done_reason: z.enum(['stop', 'length', 'load', 'unload']),
  total_duration: z.int().optional().describe('Nanoseconds, as all durations.'),
  load_duration: z.int().optional(),
  prompt_eval_count: z.int().optional(),
  prompt_eval_duration: z.int().optional(),
  eval_count: z.int().optional(),
  eval_duration: z.int().optional(),
  logprobs: z.array(token.extend({ top_logprobs: z.array(token).optional() })).optional(),
}

export function wholeReply({ facts, choices, receipt }: WholeReply, request: ChatRequest, shape: Shape): object {
  const [choice] = choices
  const { content = [], reason = 'stop' } = choice ?? {}
  const thinking = content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const calls = toolCalls(
    content.filter((part) => part.type === 'tool-call'),
    reason,
  )
  return {
    ...opening(request),
    ...shape({ text: joinText(content), ...(thinking !== '' && { thinking }), ...(calls.length > 0 && { calls }) }),
    ...closing({ reason, receipt, facts }),
    ...logprobFields(choice?.logprobs, request),
  }
}

/** One line for each piece of text or thinking; all calls in one line, once they are complete; then the last line. */
export function lines(request: ChatRequest, shape: Shape): FrameWriter {
  const calls = new Map<number, { id: string; name: string; pieces: string[] }>()
  let facts: AnswerFacts | undefined
  const said = (words: Said, more: object = {}) => line({ ...opening(request), ...shape(words), done: false, ...more })

  function part(delta: ContentDelta): string {
    // Ollama knows one reply to a request.
    if ((delta.choice ?? 0) > 0) return ''
    switch (delta.type) {
      case 'text-delta':
        return said({ text: delta.text }, logprobFields(delta.logprobs, request))
      case 'reasoning-delta':
        return said({ text: '', thinking: delta.text })
      case 'reasoning-signature':
      case 'reasoning-redacted':
        return ''
      case 'tool-call':
        calls.set(delta.index, { id: delta.id, name: delta.name, pieces: [] })
        return ''
      case 'tool-call-delta':
        calls.get(delta.index)?.pieces.push(delta.arguments)
        return ''
      default:
        return delta satisfies never
    }
  }

  return {
    contentType: 'application/x-ndjson',
    // White space before the next line's object, which JSON allows.
    heartbeat: ' ',
    start(started) {
      facts = started
      return ''
    },
    part,
    end({ reason, receipt }) {
      const made = toolCalls(
        [...calls.values()].map(({ id, name, pieces }) => ({ id, name, arguments: pieces.join('') })),
        reason,
      )
      const called = made.length === 0 ? '' : said({ text: '', calls: made })
      return called + line({ ...opening(request), ...shape({ text: '' }), ...closing({ reason, receipt, facts }) })
    },
    error: (error) => line(ollamaError(error)),
  }
}

/** The answer to a request that only wants the model in memory, or out of it. */
export function loadReply(model: string, keepAlive: unknown, shape: Shape): object {
  const unload = keepAlive === 0 || (typeof keepAlive === 'string' && /^0+[a-zµ]*$/.test(keepAlive))
  return { ...opening({ model }), ...shape({ text: '' }), done_reason: unload ? 'unload' : 'load', done: true }
}

/**
 * The name as the client wrote it, as Ollama does: clients look it up in their own list. Which model answered stands
 * in the field in which Ollama names the model of another host.
 */
function opening({ model }: Pick<ChatRequest, 'model'>) {
  return { model, created_at: new Date().toISOString() }
}

interface Closing {
  readonly reason: FinishReason
  readonly receipt: Receipt
  readonly facts: AnswerFacts | undefined
}

function closing({ reason, receipt, facts }: Closing) {
  const { durationMs, firstContentMs = durationMs, usage } = receipt
  return {
    ...(facts !== undefined && { remote_model: facts.model }),
    done_reason: reason === 'length' ? 'length' : 'stop',
    done: true,
    total_duration: nanoseconds(durationMs),
    // Not known here, but clients calculate with it.
    load_duration: 0,
    prompt_eval_count: inputTokens(usage),
    prompt_eval_duration: nanoseconds(firstContentMs),
    eval_count: outputTokens(usage),
    eval_duration: nanoseconds(durationMs - firstContentMs),
  }
}

function nanoseconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1_000_000))
}

type Call = Omit<ToolCallPart, 'type'>

/** Throws where a model wrote arguments that are no object: there is no other way to write them here. */
function toolCalls(calls: readonly Call[], reason: FinishReason): readonly object[] {
  return calls.flatMap(({ id, name, arguments: written }, index) => {
    const object = objectIn(written)
    if (object !== undefined) return [{ id, function: { index, name, arguments: object } }]
    // The limit came in the middle of the call, and `done_reason` says so.
    if (reason === 'length') return []
    const message = `the model called '${name}' with arguments that are no JSON object: ask again, or ask another model`
    throw new GatewayError('upstream_failed', message)
  })
}

function objectIn(text: string): object | undefined {
  if (text.trim() === '') return {}
  try {
    const value = parseExactly(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function logprobFields(logprobs: readonly TokenLogprob[] | undefined, { logprobs: asked }: ChatRequest): object {
  if (asked === undefined || logprobs === undefined) return {}
  const entries = logprobs.map(({ top = [], ...entry }) => ({
    ...tokenFields(entry),
    ...(asked.top > 0 && { top_logprobs: top.slice(0, asked.top).map(tokenFields) }),
  }))
  return { logprobs: entries }
}

function tokenFields({ token: text, logprob }: TokenLogprob) {
  return { token: text, logprob, bytes: [...Buffer.from(text)] }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}
