import { z } from 'zod'
import type { Need } from '../core/request.ts'
import { commonFields, commonRequest } from '../serve-ollama/body.ts'
import { ollamaError, ollamaStatus } from '../serve-ollama/errors.ts'
import { mediaPart } from '../serve-ollama/media.ts'
import { imagesField } from '../serve-ollama/messages.ts'
import { requireModel } from '../serve-ollama/models.ts'
import { lines, loadReply, replyFields, type Shape, wholeReply } from '../serve-ollama/reply.ts'
import { checkBody, checkLength, textMessage } from './check.ts'
import type { Dialect, InfoContext } from './dialect.ts'

const text = z.string({ error: 'must be a string' })

const generateBody = z
  .looseObject({
    ...commonFields,
    prompt: text.nullish().meta({ examples: ['Why is the sky blue?'] }),
    system: text.nullish(),
    images: imagesField,
    suffix: text.nullish().describe('What comes after the reply; only for models of an Ollama server.'),
    raw: z.boolean({ error: 'must be true or false' }).nullish().describe('Only for models of an Ollama server.'),
    template: text.nullish(),
    context: z.array(z.number(), { error: 'must be an array of numbers' }).nullish(),
  })
  .meta({ id: 'OllamaGenerateRequest' })

const known = Object.keys(generateBody.shape)

const generateReply = z
  .object({ ...replyFields, response: z.string(), thinking: z.string().optional() })
  .meta({ id: 'OllamaGenerateReply' })

const shape: Shape = ({ text: response, thinking }) => ({ response, ...(thinking !== undefined && { thinking }) })

/** Ollama's `generate`: one prompt, one reply. To models of other APIs it is a conversation of one turn. */
export const ollamaGenerate: Dialect = {
  name: 'ollama-generate',
  prefixes: ['/api/generate'],
  routes: [
    {
      method: 'POST',
      path: '/api/generate',
      does: 'chat',
      summary: 'Ollama’s reply to one prompt.',
      body: generateBody,
      reply: generateReply,
      streams: 'application/x-ndjson',
      atOnce: load,
    },
  ],

  parse(body, head) {
    const checked = checkBody(generateBody, body)
    const { prompt, system, images } = checked
    checkLength(prompt ?? '', 'prompt', head)
    checkLength(system ?? '', 'system', head)
    const media = (images ?? []).map((image, index) => mediaPart(image, `images[${index}]`))
    const needs = needsOf(checked)
    return {
      ...commonRequest(checked, head, { dialect: 'ollama-generate', known }),
      messages: [
        ...(system ? [textMessage('system', system)] : []),
        { role: 'user', content: [...media, { type: 'text', text: prompt ?? '' }] },
      ],
      ...(needs.length > 0 && { needs }),
    }
  },

  whole: (reply, request) => wholeReply(reply, request, shape),
  frames: (request) => lines(request, shape),
  error: ollamaError,
  status: ollamaStatus,
}

/** What no chat can do. A prompt that is already in a model's own markup, or has a gap, would be answered wrongly. */
function needsOf({ suffix, raw, template, context }: z.infer<typeof generateBody>): readonly Need[] {
  const native = (field: string, weight: Need['weight']): Need => ({ capability: 'native', field, weight })
  return [
    ...(suffix ? [native('suffix', 'must')] : []),
    ...(raw === true ? [native('raw', 'must')] : []),
    ...(context && context.length > 0 ? [native('context', 'prefer')] : []),
    ...(template ? [native('template', 'may')] : []),
  ]
}

/** Without a prompt, clients want the model in memory before they need it. Whoever is asked later loads it then. */
function load(context: InfoContext): object | undefined {
  const { body } = context
  const prompt = (body as { prompt?: unknown } | null | undefined)?.prompt ?? ''
  if (prompt !== '') return undefined
  const { model, keep_alive } = checkBody(generateBody, body)
  requireModel(model, context)
  return loadReply(model, keep_alive, shape)
}
