/** A JSON Schema, as the caller sent it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** A function that the caller runs when the model asks for it. */
export interface FunctionTool {
  readonly type: 'function'
  readonly name: string
  readonly description?: string
  /** Schema of the arguments; always that of an object. */
  readonly parameters: JsonSchema
  /** True where the arguments must follow the schema to the letter. */
  readonly strict?: boolean
  /** True for a tool whose input is free text in its own dialect: elsewhere it is a function of one string, `input`. */
  readonly freeform?: boolean
}

/** A tool that the vendor runs, or that only its models know (`web_search`): nothing for models of other dialects. */
export interface HostedTool {
  readonly type: 'hosted'
  /** What its dialect calls it, as `web_search_20250305`. */
  readonly name: string
}

export type Tool = FunctionTool | HostedTool

export type ToolChoice =
  /** The model decides; it may not call any; it must call one. */
  | { readonly type: 'auto' | 'none' | 'required' }
  /** It must call this one. */
  | { readonly type: 'tool'; readonly name: string }

/** The form that the reply must have. */
export type ResponseFormat =
  | { readonly type: 'text' }
  /** Any JSON object. */
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema'
      readonly name: string
      readonly description?: string
      readonly schema: JsonSchema
      readonly strict?: boolean
    }

export type ReasoningEffort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** How much the model shall think before it replies, in whichever of these forms the caller said it. */
export interface ReasoningWish {
  /** False asks for no thinking at all. */
  readonly enabled: boolean
  readonly effort?: ReasoningEffort
  /** Upper bound of the thinking, in tokens. */
  readonly budgetTokens?: number
}

export function functionTools(tools: readonly Tool[] | undefined): readonly FunctionTool[] {
  return (tools ?? []).filter((tool) => tool.type === 'function')
}
