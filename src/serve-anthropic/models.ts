import { z } from 'zod'

export const anthropicModelReply = z
  .object({ type: z.literal('model'), id: z.string(), display_name: z.string(), created_at: z.iso.datetime() })
  .meta({ id: 'AnthropicModel' })

export const anthropicModelListReply = z
  .object({
    data: z.array(anthropicModelReply),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .meta({ id: 'AnthropicModels' })

/** What Anthropic's clients call a model. Nobody knows when it was made, for which theirs is the same epoch. */
export function anthropicModel(name: string): z.infer<typeof anthropicModelReply> {
  const displayName = name === 'auto' ? 'Hybrid AI Stack' : name
  return { type: 'model', id: name, display_name: displayName, created_at: '1970-01-01T00:00:00Z' }
}

/** All models on one page. */
export function anthropicModelList(names: readonly string[]): z.infer<typeof anthropicModelListReply> {
  return {
    data: names.map(anthropicModel),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  }
}
