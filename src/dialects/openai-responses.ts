import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { ChatRequest } from '../core/request.ts'
import { openaiError, openaiStatus } from '../serve-openai/errors.ts'
import { bodyOf } from '../serve-responses/body.ts'
import { documentedResponses } from '../serve-responses/document.ts'
import { lastStatus, responsesFrames } from '../serve-responses/frames.ts'
import { parseResponses } from '../serve-responses/parse.ts'
import { closingState, itemOf, type OutputItem, responseObject, responsesReply } from '../serve-responses/reply.ts'
import { calledAs } from '../serve-responses/tools.ts'
import type { Dialect } from './dialect.ts'

/** OpenAI's Responses API, of which nothing is kept: the whole conversation comes with each request. */
export const openaiResponses: Dialect = {
  name: 'openai-responses',
  prefixes: ['/v1/responses'],
  routes: [
    {
      method: 'POST',
      path: '/v1/responses',
      does: 'chat',
      summary: 'OpenAI Responses.',
      body: documentedResponses,
      reply: responsesReply,
      streams: 'text/event-stream',
    },
    {
      method: 'POST',
      path: '/v1/responses/input_tokens',
      does: 'count',
      summary: 'The size of a prompt in tokens, in OpenAI’s form.',
      body: documentedResponses,
      reply: z
        .object({ object: z.literal('response.input_tokens'), input_tokens: z.int() })
        .meta({ id: 'OpenAIInputTokens' }),
      count: (inputTokens) => ({ object: 'response.input_tokens', input_tokens: inputTokens }),
    },
  ],

  parse: parseResponses,

  whole({ facts, choices, receipt }, request) {
    const reason = choices[0]?.reason ?? 'stop'
    const closing = closingState(reason, receipt.usage)
    return responseObject(request, {
      created_at: Math.floor(receipt.startedAt / 1000),
      model: facts.model,
      ...closing,
      output: outputOf(request, choices[0], lastStatus(closing)),
    })
  },

  frames: responsesFrames,
  error: openaiError,
  status: openaiStatus,
}

function outputOf(
  request: ChatRequest,
  choice: ReplyChoice | undefined,
  ending: ReturnType<typeof lastStatus>,
): OutputItem[] {
  const tools = calledAs(bodyOf(request))
  const answer = randomUUID().replaceAll('-', '')
  const said = choice?.content ?? []
  // Clients look into the first item without asking whether there is one.
  const content = said.length === 0 ? [{ type: 'text' as const, text: '' }] : said
  const spoken = content.findIndex(({ type }) => type === 'text')
  return content.map((part, index) =>
    itemOf(part, {
      answer,
      index,
      status: index === content.length - 1 ? ending : 'completed',
      tools,
      logprobs: index === spoken && request.logprobs !== undefined ? choice?.logprobs : undefined,
    }),
  )
}
