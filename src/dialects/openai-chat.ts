import type { Dialect } from './dialect.ts'
import { chatFrames } from './openai-chat-frames.ts'
import { chatReply, wholeChat } from './openai-chat-reply.ts'
import { chatBody, parseChat } from './openai-chat-request.ts'
import { embeddingsRoute } from './openai-embeddings.ts'
import { openaiError, openaiStatus } from './openai-errors.ts'
import { modelRoutes } from './openai-models.ts'

/** OpenAI's Chat Completions, and what else stands below `/v1`: embeddings and the list of models. */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  prefixes: ['/v1/'],
  routes: [
    {
      method: 'POST',
      path: '/v1/chat/completions',
      does: 'chat',
      summary: 'OpenAI Chat Completions.',
      body: chatBody,
      reply: chatReply,
      streams: 'text/event-stream',
    },
    embeddingsRoute,
    ...modelRoutes,
  ],
  parse: parseChat,
  whole: wholeChat,
  frames: chatFrames,
  error: openaiError,
  status: openaiStatus,
}
