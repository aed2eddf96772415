import { anthropicError, anthropicStatus } from '../serve-anthropic/errors.ts'
import { messageFrames } from '../serve-anthropic/frames.ts'
import { countPath, parseMessages } from '../serve-anthropic/parse.ts'
import { messageOf } from '../serve-anthropic/reply.ts'
import { countBody, countReply, messagesBody, messagesReply } from '../serve-anthropic/schemas.ts'
import type { Dialect } from './dialect.ts'

/** Anthropic's Messages, and the count of their tokens. */
export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  prefixes: ['/v1/messages'],
  routes: [
    {
      method: 'POST',
      path: '/v1/messages',
      does: 'chat',
      summary: 'Anthropic Messages.',
      body: messagesBody,
      reply: messagesReply,
      streams: 'text/event-stream',
    },
    {
      method: 'POST',
      path: countPath,
      does: 'count',
      summary: 'The size of an Anthropic Messages request, in tokens.',
      body: countBody,
      reply: countReply,
      count: (inputTokens) => ({ input_tokens: inputTokens }),
    },
  ],
  parse: parseMessages,
  whole: messageOf,
  frames: messageFrames,
  error: anthropicError,
  status: anthropicStatus,
  headers: (requestId) => ({ 'request-id': requestId }),
  // The list of models has one path for two APIs; all other paths tell by themselves whose they are.
  claims: (headers, path) => headers['anthropic-version'] !== undefined && /^\/v1\/models(?:\/|$)/.test(path),
}
