import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { InfoContext, ListedModel, Route } from '../dialects/dialect.ts'
import {
  anthropicModel,
  anthropicModelList,
  anthropicModelListReply,
  anthropicModelReply,
} from '../serve-anthropic/models.ts'

const modelReply = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'OpenAIModel' })

const modelList = z.object({ object: z.literal('list'), data: z.array(modelReply) }).meta({ id: 'OpenAIModels' })

/** The same paths are Anthropic's, too; its clients say which version of its API they speak. */
export const modelRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/models',
    does: 'info',
    summary: 'The configured models, in OpenAI’s form, or in Anthropic’s where anthropic-version is sent.',
    reply: z.union([modelList, anthropicModelListReply]),
    info: (context) => {
      const names = namesOf(context.models)
      if (isAnthropic(context)) return anthropicModelList(names)
      return { object: 'list', data: names.map((name) => modelFields(name, context.models)) }
    },
  },
  {
    method: 'GET',
    path: '/v1/models/*',
    does: 'info',
    summary: 'One configured model, in the same forms.',
    reply: z.union([modelReply, anthropicModelReply]),
    info: (context) => {
      const name = context.params['*'] ?? ''
      if (!namesOf(context.models).includes(name)) {
        throw new GatewayError('not_found', `model '${name}' is not configured; /v1/models lists the known ones`, {
          field: 'model',
        })
      }
      return isAnthropic(context) ? anthropicModel(name) : modelFields(name, context.models)
    },
  },
]

function isAnthropic({ headers }: InfoContext): boolean {
  return headers['anthropic-version'] !== undefined
}

function namesOf(models: readonly ListedModel[]): readonly string[] {
  return ['auto', ...models.map(({ model }) => model.name)]
}

function modelFields(name: string, models: readonly ListedModel[]): z.infer<typeof modelReply> {
  const listed = models.find(({ model }) => model.name === name)
  return { id: name, object: 'model', created: 0, owned_by: listed?.model.provider ?? 'hybrid' }
}
