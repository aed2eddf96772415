import { chatFrames } from '../serve-openai/chat-frames.ts'
import { chatReply, wholeChat } from '../serve-openai/chat-reply.ts'
import { chatBody, parseChat } from '../serve-openai/chat-request.ts'
import { openaiError, openaiStatus } from '../serve-openai/errors.ts'
import { modelRoutes } from '../serve-openai/models.ts'
import type { Dialect } from './dialect.ts'
import { embeddingsRoute } from './openai-embeddings.ts'

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
