import { z } from 'zod'
import { type ContentPart, joinText } from '../core/content.ts'
import type { FinishReason } from '../core/reply.ts'
import { type ChatRequest, type Need, textOf } from '../core/request.ts'
import { streamOf } from '../serve-openai/chat-frames.ts'
import { openaiError, openaiStatus } from '../serve-openai/errors.ts'
import { legacyLogprobs, legacyLogprobsReply } from '../serve-openai/logprobs.ts'
import { deliveryFields, passedHeaders, readSampling, samplingFields, tokenLimit } from '../serve-openai/sampling.ts'
import { usageFields, usageReply } from '../serve-openai/usage.ts'
import { cachingOf, checkBody, checkLength, clientOf, defined, sessionOf, unknownFields } from './check.ts'
import type { Dialect, FrameWriter, RequestHead, WholeReply } from './dialect.ts'

/** What OpenAI's documentation gives as the length of a completion where nobody says another one. */
const defaultMaxTokens = 16

const visible = String.raw`\S`
const prompt = z.string().regex(new RegExp(visible), 'holds no text: write what the model shall continue')
const promptError = 'must be a text, an array of texts, or token ids'
const tokens = z.array(z.int({ error: promptError })).min(1, promptError)
const topError = 'must be a whole number from 0 to 5'
const truth = z.boolean({ error: 'must be true or false' }).nullish()

const completionFields = {
  ...deliveryFields,
  ...samplingFields,
  prompt: z.union([prompt, z.array(prompt).min(1, promptError), tokens, z.array(tokens).min(1)], {
    error: promptError,
  }),
  suffix: z.string({ error: 'must be a string' }).nullish(),
  echo: truth,
  best_of: z.int({ error: 'must be a whole number' }).nullish(),
  max_tokens: tokenLimit,
  logprobs: z.int({ error: topError }).min(0, topError).max(5, topError).nullish(),
}
const completionBody = z.looseObject(completionFields).meta({ id: 'OpenAICompletionRequest' })
/** What is not translated travels as it is. */
const translated = Object.keys(completionFields).filter((field) => field !== 'suffix' && field !== 'best_of')

const completionReply = z
  .object({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        text: z.string(),
        index: z.int(),
        logprobs: legacyLogprobsReply,
        finish_reason: z.enum(['stop', 'length', 'content_filter']),
      }),
    ),
    usage: usageReply,
  })
  .meta({ id: 'OpenAICompletionReply' })

/** OpenAI's completions of old, which editors still use: for a model of today the prompt is what a user says. */
export const openaiCompletions: Dialect = {
  name: 'openai-completions',
  prefixes: ['/v1/completions'],
  routes: [
    {
      method: 'POST',
      path: '/v1/completions',
      does: 'chat',
      summary: 'OpenAI Completions (legacy).',
      body: completionBody,
      reply: completionReply,
      streams: 'text/event-stream',
    },
  ],
  parse: parseCompletion,
  whole: wholeCompletion,
  frames: completionFrames,
  error: openaiError,
  status: openaiStatus,
}

function parseCompletion(body: unknown, head: RequestHead): ChatRequest {
  const checked = checkBody(completionBody, body)
  const prompt = readPrompt(checked.prompt)
  checkLength(joinText(prompt.content), 'prompt', head)
  const needs = [...prompt.needs, ...needsOf(checked)]
  const extra = defined(unknownFields(checked, translated))
  return {
    id: head.requestId,
    dialect: 'openai-completions',
    model: checked.model,
    messages: [{ role: 'user', content: prompt.content }],
    stream: checked.stream === true,
    maxTokens: checked.max_tokens ?? defaultMaxTokens,
    ...defined({
      ...readSampling(checked),
      logprobs: typeof checked.logprobs === 'number' ? { top: checked.logprobs } : undefined,
      choices: checked.n,
      user: checked.user,
      session: sessionOf(head),
      needs: needs.length > 0 ? needs : undefined,
      extra: Object.keys(extra).length > 0 ? extra : undefined,
    }),
    wishes: { includeUsage: checked.stream_options?.include_usage === true, echo: checked.echo === true },
    client: clientOf(head, passedHeaders),
    // A server of this dialect writes the prompt into its reply by itself, and that reply fits no other request.
    caching: checked.echo === true ? 'off' : cachingOf(head),
  }
}

interface Prompt {
  readonly content: readonly ContentPart[]
  readonly needs: readonly Need[]
}

/** One text anybody can continue; several, or token ids, only a server of this dialect. */
function readPrompt(prompt: z.infer<typeof completionBody>['prompt']): Prompt {
  const items = typeof prompt === 'string' ? [prompt] : prompt
  const native = (advice: string): Need => ({ capability: 'native', field: 'prompt', weight: 'must', advice })
  const texts = items.filter((item) => typeof item === 'string').map((text) => ({ type: 'text' as const, text }))
  if (texts.length === 0) {
    const advice = 'send text: token ids mean something to one model only'
    return { content: [{ type: 'opaque', kind: 'token ids' }], needs: [native(advice)] }
  }
  return { content: texts, needs: texts.length > 1 ? [native('send a request for each prompt')] : [] }
}

function needsOf({ suffix, best_of, n }: z.infer<typeof completionBody>): readonly Need[] {
  const needs: Need[] = []
  if (typeof suffix === 'string' && suffix !== '') {
    // Text for a gap is written by models that were made for it, and by no other.
    const advice = 'leave suffix out and say in the prompt what comes after the text'
    needs.push({ capability: 'native', field: 'suffix', weight: 'must', advice })
  }
  if ((best_of ?? 1) > (n ?? 1)) needs.push({ capability: 'native', field: 'best_of', weight: 'prefer' })
  return needs
}

function wholeCompletion({ facts, choices, receipt }: WholeReply, request: ChatRequest): object {
  const before = echoed(request)
  return {
    id: `cmpl-${facts.requestId}`,
    object: 'text_completion',
    created: Math.floor(receipt.startedAt / 1000),
    model: facts.model,
    choices: choices.map(({ content, logprobs, reason }, index) => ({
      text: before + joinText(content),
      index,
      logprobs: request.logprobs === undefined ? null : legacyLogprobs(logprobs, before.length),
      finish_reason: finishWord(reason),
    })),
    usage: usageFields(receipt),
  }
}

function completionFrames(request: ChatRequest): FrameWriter {
  const { contentType, heartbeat, open, chunk, close, error } = streamOf(request, 'cmpl', 'text_completion')
  const before = echoed(request)
  const written = Array.from({ length: request.choices ?? 1 }, () => before.length)
  return {
    contentType,
    heartbeat,
    error,
    start(facts) {
      open(facts.model)
      if (before === '') return ''
      return written.map((_, index) => chunk({ text: before, index, logprobs: null, finish_reason: null })).join('')
    },
    part(part) {
      const index = part.choice ?? 0
      const offset = written[index]
      if (part.type !== 'text-delta' || offset === undefined) return ''
      written[index] = offset + part.text.length
      const logprobs = request.logprobs === undefined ? null : legacyLogprobs(part.logprobs, offset)
      return chunk({ text: part.text, index, logprobs, finish_reason: null })
    },
    end({ reason, reasons, receipt }) {
      const ends = written.map((_, index) =>
        chunk({ text: '', index, logprobs: null, finish_reason: finishWord(reasons?.[index] ?? reason) }),
      )
      return ends.join('') + close(receipt)
    },
  }
}

/** The prompt, where the client wants it before the text that continues it. */
function echoed({ wishes, messages }: ChatRequest): string {
  const [message] = messages
  return wishes?.echo === true && message !== undefined ? textOf(message) : ''
}

/** A completion calls no tools. */
function finishWord(reason: FinishReason): 'stop' | 'length' | 'content_filter' {
  if (reason === 'content-filter') return 'content_filter'
  return reason === 'length' ? 'length' : 'stop'
}
