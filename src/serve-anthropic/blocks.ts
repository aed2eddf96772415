import { z } from 'zod'

/** What has a type that the gateway does not know: newer than it, or of use to Anthropic's models alone. */
export interface Unknown {
  readonly type: 'unknown'
  readonly kind: string
}

type Shapes = Readonly<Record<string, z.ZodType>>

const typed = z.looseObject({ type: z.string() })

/** An object that is checked by the shape of its `type`, and left alone where there is none. */
export function byType<const Known extends Shapes>(shapes: Known) {
  const rules = Object.entries(shapes).map(([type, shape]) => rule({ const: type }, shape))
  return typed.meta({ allOf: rules }).transform((value, context) => {
    const shape = Object.hasOwn(shapes, value.type) ? shapes[value.type] : undefined
    if (shape === undefined) return { type: 'unknown', kind: value.type } satisfies Unknown
    return checked(shape, value, context) as z.infer<Known[keyof Known]>
  })
}

/** The value in the form of `shape`, or the issues that it has with it. */
export function checked<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  context: z.RefinementCtx<unknown>,
): z.infer<Shape> {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  for (const { message, path } of result.error.issues) {
    // A union drops the paths of the issues that end its options: `messages[0].content` instead of what is in it.
    context.addIssue({ code: 'custom', message, path: [...path], input: value, continue: true })
  }
  return z.NEVER
}

/** For the OpenAPI document: objects whose `type` is this one have that shape. */
export function rule(type: object, shape: z.ZodType): object {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io: 'input', reused: 'inline' })
  return { anyOf: [{ not: { properties: { type } } }, schema] }
}

export const textValue = z.string({ error: 'must be a string' })

export const anyObject = z.looseObject({}, { error: 'must be an object' })

const text = z.looseObject({ type: z.literal('text'), text: textValue, cache_control: z.unknown().optional() })

const imageSource = byType({
  base64: z.looseObject({ type: z.literal('base64'), media_type: textValue, data: textValue }),
  url: z.looseObject({ type: z.literal('url'), url: textValue }),
})

const image = z.looseObject({ type: z.literal('image'), source: imageSource })

const contentOf = <Block extends z.ZodType>(block: Block) =>
  z.union([z.string(), z.array(block)], {
    error: 'must be a string or an array of content blocks, each an object with a type',
  })

const document = z.looseObject({
  type: z.literal('document'),
  source: byType({
    base64: z.looseObject({ type: z.literal('base64'), media_type: textValue, data: textValue }),
    url: z.looseObject({ type: z.literal('url'), url: textValue }),
    text: z.looseObject({ type: z.literal('text'), data: textValue }),
    content: z.looseObject({ type: z.literal('content'), content: contentOf(byType({ text, image })) }),
  }),
  title: textValue.nullish(),
})

const searchResult = z.looseObject({
  type: z.literal('search_result'),
  title: textValue,
  source: textValue,
  content: z.array(byType({ text }), { error: 'must be an array of text blocks' }),
})

const resultBlock = byType({
  text,
  image,
  document,
  search_result: searchResult,
  tool_reference: z.looseObject({ type: z.literal('tool_reference'), tool_name: textValue }),
})

const block = byType({
  text,
  image,
  document,
  search_result: searchResult,
  thinking: z.looseObject({ type: z.literal('thinking'), thinking: textValue, signature: textValue.nullish() }),
  redacted_thinking: z.looseObject({ type: z.literal('redacted_thinking'), data: textValue }),
  tool_use: z.looseObject({
    type: z.literal('tool_use'),
    id: textValue.min(1, 'is empty'),
    name: textValue.min(1, 'is empty'),
    input: anyObject,
  }),
  tool_result: z.looseObject({
    type: z.literal('tool_result'),
    tool_use_id: textValue.min(1, 'is empty'),
    content: contentOf(resultBlock).nullish(),
    is_error: z.boolean({ error: 'must be true or false' }).nullish(),
  }),
})

export const blocks = contentOf(block)
export const systemBlocks = contentOf(byType({ text }))

export type Block = z.infer<typeof block>
export type ResultBlock = z.infer<typeof resultBlock>
export type DocumentBlock = z.infer<typeof document>
export type SearchResultBlock = z.infer<typeof searchResult>
export type ImageBlock = z.infer<typeof image>
export type TextBlock = z.infer<typeof text>
