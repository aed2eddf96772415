import { z } from 'zod'
import type { ReplyChoice } from '../core/message-builder.ts'
import { isCached } from '../core/receipt.ts'
import { parseFeedback } from '../serve-native/feedback.ts'
import { parseChat } from '../serve-native/parse.ts'
import { closing, contentFields, decisionFields, listedModel, nearFields } from '../serve-native/reply.ts'
import {
  chatBody,
  chatReply,
  decisionReply,
  feedbackBody,
  feedbackReply,
  modelsReply,
  statsReply,
} from '../serve-native/schemas.ts'
import type { AnswerFacts, Dialect } from './dialect.ts'

const silence: ReplyChoice = { content: [], reason: 'stop' }

/** The gateway's own API. */
export const native: Dialect = {
  name: 'native',
  prefixes: ['/', '/api/v1/'],
  routes: [
    {
      method: 'POST',
      path: '/api/v1/chat',
      does: 'chat',
      summary: 'Answer a prompt with the cheapest model that can handle it.',
      body: chatBody,
      reply: chatReply,
      streams: 'text/event-stream',
    },
    {
      method: 'POST',
      path: '/api/v1/complexity',
      does: 'route',
      summary: 'Say which model would answer, and why. Runs nothing.',
      body: chatBody,
      reply: decisionReply,
    },
    {
      method: 'GET',
      path: '/api/v1/stats',
      does: 'stats',
      summary: 'What was spent and saved.',
      query: z.object({
        window: z
          .string()
          .regex(/^\d{1,6}[smhdw]$/)
          .optional()
          .describe('As `24h`, `7d`.'),
      }),
      reply: statsReply,
    },
    {
      method: 'POST',
      path: '/api/v1/feedback',
      does: 'feedback',
      summary: 'Say how good a reply was: the router learns from it.',
      body: feedbackBody,
      reply: feedbackReply,
      feedback: parseFeedback,
      told: ({ requestId, model, cell, weight }) => ({ request_id: requestId, model, task: cell.task, weight }),
    },
    {
      method: 'GET',
      path: '/api/v1/models',
      does: 'info',
      summary: 'The configured models, and whether they can answer now.',
      reply: modelsReply,
      info: ({ models }) => ({ models: models.map(listedModel) }),
    },
  ],

  parse: parseChat,

  whole: ({ facts, choices: [choice = silence], receipt }) => ({
    ...contentFields(choice),
    ...closing(facts, receipt),
    finish_reason: choice.reason,
  }),

  frames() {
    let facts: AnswerFacts | undefined
    return {
      contentType: 'text/event-stream; charset=utf-8',
      heartbeat: ': still working\n\n',
      start(started) {
        facts = started
        const { requestId, model, backend, cache, decision, reasoning, degraded, warnings } = started
        return frame('start', {
          request_id: requestId,
          model,
          backend,
          cached: isCached(cache),
          ...nearFields(started),
          routing: { ...decisionFields(decision), reasoning, degraded },
          warnings,
        })
      },
      part(part) {
        switch (part.type) {
          case 'text-delta':
            return frame('delta', { text: part.text })
          case 'reasoning-delta':
            return frame('reasoning', { text: part.text })
          case 'tool-call':
            return frame('tool_call', { index: part.index, id: part.id, name: part.name })
          case 'tool-call-delta':
            return frame('tool_call_delta', { index: part.index, arguments: part.arguments })
          // A signed thought is of use to its vendor alone.
          case 'reasoning-signature':
          case 'reasoning-redacted':
            return ''
          default:
            return part satisfies never
        }
      },
      end: ({ reason, receipt }) =>
        facts === undefined ? '' : frame('done', { ...closing(facts, receipt), finish_reason: reason }),
      error: (error, requestId) => frame('error', native.error(error, requestId)),
    }
  },

  error: ({ message, code, field }, requestId) => ({
    error: message,
    code,
    ...(field === undefined || field === '' ? {} : { field }),
    request_id: requestId,
  }),

  decision: (decision, requestId) => ({
    ...decisionFields(decision),
    backend: decision.plan[0]?.backend ?? '',
    plan: decision.plan.map(({ name }) => name),
    request_id: requestId,
  }),
}

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
