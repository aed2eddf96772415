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
      if (isAnthropic(context)) return anthropicModelList(namesOf(context.models))
      const { models } = context
      return {
        object: 'list',
        data: [modelFields('auto', undefined), ...models.map((one) => modelFields(one.model.name, one))],
      }
    },
  },
  {
    method: 'GET',
    path: '/v1/models/*',
    does: 'info',
    summary: 'One configured model, in the same forms.',
    reply: z.union([modelReply, anthropicModelReply]),
    info: (context) => {
      const asked = context.params['*'] ?? ''
      const found = context.resolve(asked)
      if (found === undefined) {
        throw new GatewayError('not_found', `model '${asked}' is not configured; /v1/models lists the known ones`, {
          field: 'model',
        })
      }
      // Under the name that was asked for, as a vendor's id also is one.
      return isAnthropic(context) ? anthropicModel(asked) : modelFields(asked, found === 'auto' ? undefined : found)
    },
  },
]

function isAnthropic({ headers }: InfoContext): boolean {
  return headers['anthropic-version'] !== undefined
}

function namesOf(models: readonly ListedModel[]): readonly string[] {
  return ['auto', ...models.map(({ model }) => model.name)]
}

function modelFields(name: string, listed: ListedModel | undefined): z.infer<typeof modelReply> {
  return { id: name, object: 'model', created: 0, owned_by: listed?.model.provider ?? 'hybrid' }
}
