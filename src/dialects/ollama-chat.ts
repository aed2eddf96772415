import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { commonFields, commonRequest, toolsField, toolsOf } from '../serve-ollama/body.ts'
import {
  embed,
  embedBody,
  embeddingsBody,
  embeddingsReply,
  embedOne,
  embedReply,
  firstVector,
  vectors,
} from '../serve-ollama/embeddings.ts'
import { ollamaError, ollamaStatus } from '../serve-ollama/errors.ts'
import { conversation, ollamaMessage } from '../serve-ollama/messages.ts'
import { modelBody, ps, psReply, pull, requireModel, show, showReply, tags, tagsReply } from '../serve-ollama/models.ts'
import { lines, loadReply, replyFields, type Shape, wholeReply } from '../serve-ollama/reply.ts'
import { checkBody } from './check.ts'
import type { Dialect, InfoContext, Route } from './dialect.ts'

const chatBody = z
  .looseObject({
    ...commonFields,
    messages: z
      .array(ollamaMessage, { error: 'must be an array of messages' })
      .nullish()
      .meta({ examples: [[{ role: 'user', content: 'What is the capital of France?' }]] }),
    tools: toolsField,
  })
  .meta({ id: 'OllamaChatRequest' })

const known = Object.keys(chatBody.shape)

const chatReply = z
  .object({
    ...replyFields,
    message: z.object({
      role: z.literal('assistant'),
      content: z.string(),
      thinking: z.string().optional(),
      tool_calls: z
        .array(
          z.object({
            id: z.string(),
            function: z.object({ index: z.int(), name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
          }),
        )
        .optional(),
    }),
  })
  .meta({ id: 'OllamaChatReply' })

const shape: Shape = ({ text, thinking, calls }) => ({
  message: {
    role: 'assistant',
    content: text,
    ...(thinking !== undefined && { thinking }),
    ...(calls !== undefined && { tool_calls: calls }),
  },
})

/**
 * Of Ollama, and not of this gateway: clients refuse a server below the one in which what they use began (0.6.4 for
 * Copilot in VS Code). This is one that has everything that is offered here.
 */
const ollamaVersion = '0.17.4'

/** What Ollama does to models, and this gateway does not do for its clients. */
const forbidden: readonly (readonly [method: 'POST' | 'DELETE', path: string])[] = [
  ['POST', '/api/push'],
  ['POST', '/api/create'],
  ['POST', '/api/copy'],
  ['DELETE', '/api/delete'],
]

const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/chat',
    does: 'chat',
    summary: 'Ollama’s chat.',
    body: chatBody,
    reply: chatReply,
    streams: 'application/x-ndjson',
    atOnce: load,
  },
  {
    method: 'GET',
    path: '/api/tags',
    does: 'info',
    summary: 'The configured models, in Ollama’s form.',
    reply: tagsReply,
    info: tags,
  },
  {
    method: 'POST',
    path: '/api/show',
    does: 'info',
    summary: 'What one of the models can do, in Ollama’s form.',
    body: modelBody,
    reply: showReply,
    info: show,
  },
  {
    method: 'GET',
    path: '/api/ps',
    does: 'info',
    summary: 'The models that can answer now, in Ollama’s form.',
    reply: psReply,
    info: ps,
  },
  {
    method: 'GET',
    path: '/api/version',
    does: 'info',
    summary: 'The version of Ollama whose API this is.',
    reply: z.object({ version: z.string() }),
    info: () => ({ version: ollamaVersion }),
  },
  {
    method: 'POST',
    path: '/api/embed',
    does: 'embed',
    summary: 'Vectors for texts, in Ollama’s form.',
    body: embedBody,
    reply: embedReply,
    embed,
    vectors,
  },
  {
    method: 'POST',
    path: '/api/embeddings',
    does: 'embed',
    summary: 'The vector of one text, in Ollama’s former form.',
    body: embeddingsBody,
    reply: embeddingsReply,
    embed: embedOne,
    vectors: firstVector,
  },
  {
    method: 'POST',
    path: '/api/pull',
    does: 'info',
    summary: 'Succeeds for models that are there already.',
    body: modelBody,
    reply: z.object({ status: z.literal('success') }),
    info: pull,
  },
  ...forbidden.map(
    ([method, path]): Route => ({
      method,
      path,
      does: 'info',
      summary: 'Refused: models are managed by the operator.',
      reply: z.never(),
      info: () => {
        const message = `${path}: models are configured in hybrid.yaml, and brought here with \`hybrid models pull\``
        throw new GatewayError('unsupported', message)
      },
    }),
  ),
]

/** Ollama's chat, and everything else of its API but `generate`. */
export const ollamaChat: Dialect = {
  name: 'ollama-chat',
  prefixes: ['/api/'],
  routes,

  parse(body, head) {
    const checked = checkBody(chatBody, body)
    const messages = conversation(checked.messages ?? [], head)
    if (!messages.some(({ content }) => content.some((part) => part.type !== 'text' || part.text !== ''))) {
      throw new GatewayError('invalid_request', 'messages: hold nothing: write what the model shall answer', {
        field: 'messages',
      })
    }
    const { tools, needs } = toolsOf(checked.tools)
    return {
      ...commonRequest(checked, head, { dialect: 'ollama-chat', known }),
      messages,
      ...(tools.length > 0 && { tools }),
      ...(needs.length > 0 && { needs }),
    }
  },

  whole: (reply, request) => wholeReply(reply, request, shape),
  frames: (request) => lines(request, shape),
  error: ollamaError,
  status: ollamaStatus,
}

/** Without messages, clients want the model in memory before they need it. Whoever is asked later loads it then. */
function load(context: InfoContext): object | undefined {
  const { body } = context
  const messages = (body as { messages?: unknown } | null | undefined)?.messages ?? []
  if (!Array.isArray(messages) || messages.length > 0) return undefined
  const { model, keep_alive } = checkBody(chatBody, body)
  requireModel(model, context)
  return loadReply(model, keep_alive, shape)
}
