import { joinText } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest, Message, Need } from '../core/request.ts'
import {
  functionTools,
  type ReasoningEffort,
  type ReasoningWish,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
} from '../core/tools.ts'
import { cachingOf, checkBody, checkLength, clientOf, defined, sessionOf, unknownFields } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { withoutForeign } from './foreign.ts'
import { countBody, type MessagesBody, messagesBody } from './schemas.ts'
import { threadNeeds, threadTurns } from './thread.ts'
import { readSystem, readTurns } from './turns.ts'

export const countPath = '/v1/messages/count_tokens'

/** Headers that change what Anthropic's servers do with a request. */
const passedHeaders = ['anthropic-version', 'anthropic-beta', 'anthropic-user-profile-id']

/** A thread is for Anthropic’s models alone, and others are told that they go without. */
const known = Object.keys(messagesBody.shape).filter((field) => field !== 'thread')

/** Fields that are for Anthropic's servers. */
const nativeFields = ['mcp_servers', 'context_management', 'compaction', 'container']

/** A Messages request, or one that only counts its tokens, in the gateway's words. */
export function parseMessages(body: unknown, head: RequestHead): ChatRequest {
  const checked = checkBody(head.path === countPath ? countBody : messagesBody, body)
  const ofThread = threadNeeds(checked.thread)
  const { messages: read, needs: ofBlocks, foreign } = readTurns(checked.messages, head)
  const turns = threadTurns(checked.thread, read)
  const messages = [...readSystem(checked.system), ...turns]
  refuseEmpty(turns)
  checkLengths(checked, head)

  const { tools, needs: ofTools } = readTools(checked)
  const extra = unknownFields(checked, known)
  const needs = [...ofThread, ...ofBlocks, ...ofTools, ...otherNeeds(checked)]
  const userId = checked.metadata?.user_id ?? undefined
  const bodyText = foreign && head.bodyText !== '' ? withoutForeign(head.bodyText) : head.bodyText
  return {
    id: head.requestId,
    dialect: 'anthropic-messages',
    model: checked.model,
    messages,
    stream: checked.stream === true,
    ...defined({
      maxTokens: checked.max_tokens,
      temperature: checked.temperature,
      topP: checked.top_p,
      topK: checked.top_k,
      stop: checked.stop_sequences,
      tools,
      toolChoice: readToolChoice(checked, tools),
      parallelToolCalls: allowsOneCall(checked) ? false : undefined,
      responseFormat: readFormat(checked),
      reasoning: readReasoning(checked),
      metadata: checked.metadata,
      user: userId,
      session: sessionOf(head, sessionIn(userId)),
    }),
    ...(needs.length > 0 && { needs }),
    ...(Object.keys(extra).length > 0 && { extra }),
    client: clientOf({ ...head, bodyText }, passedHeaders),
    wishes: { thinking: wantsThinking(checked) },
    // An answer that others had before would be the beginning of two threads.
    caching: ofThread.length > 0 ? 'off' : cachingOf(head),
  }
}

function refuseEmpty(messages: readonly Message[]): void {
  const says = messages.some(
    ({ role, content }) => role !== 'system' && content.some((part) => part.type !== 'text' || part.text.trim() !== ''),
  )
  if (says) return
  throw new GatewayError('invalid_request', 'messages: hold nothing to answer; write what the model shall reply to', {
    field: 'messages',
  })
}

/** Bounds what people write. What tools give back, and what models ask them, is bounded by the body. */
function checkLengths({ system, messages }: MessagesBody, head: RequestHead): void {
  checkLength(writtenIn(system), 'system', head)
  for (const [index, { role, content }] of messages.entries()) {
    if (role !== 'assistant') checkLength(writtenIn(content), `messages[${index}].content`, head)
  }
}

function writtenIn(content: string | readonly { readonly type: string }[] | null | undefined): string {
  return typeof content === 'string' ? content : joinText(content ?? [])
}

function readTools({ tools, tool_choice: choice }: MessagesBody) {
  const read = (tools ?? []).map((tool): Tool => {
    if (tool.kind === 'hosted') return { type: 'hosted', name: tool.type }
    const { name, description, input_schema: schema, strict } = tool.custom
    return {
      type: 'function',
      name,
      ...defined({ description, strict }),
      parameters: schema.type === undefined ? { type: 'object', ...schema } : schema,
    }
  })
  const needs: Need[] = []
  if (read.some(({ type }) => type === 'hosted')) needs.push({ capability: 'native', field: 'tools', weight: 'prefer' })
  const own = functionTools(read)
  const isForced = choice?.type === 'any' || choice?.type === 'tool'
  if (isForced && !(choice.type === 'any' ? own.length > 0 : own.some(({ name }) => name === choice.name))) {
    refuseChoiceOfNothing(choice, read)
    // Only a tool of Anthropic's can be meant.
    needs.push({ capability: 'native', field: 'tool_choice', weight: 'must' })
  }
  return { tools: read.length > 0 ? read : undefined, needs }
}

function refuseChoiceOfNothing(
  choice: { readonly type: string; readonly name?: string },
  tools: readonly Tool[],
): void {
  if (tools.some(({ type }) => type === 'hosted')) return
  const message =
    choice.name === undefined
      ? 'tool_choice: asks for a tool, and tools has none'
      : `tool_choice.name: there is no tool '${choice.name}' in tools`
  throw new GatewayError('invalid_request', message, { field: 'tool_choice' })
}

function readToolChoice(
  { tool_choice: choice }: MessagesBody,
  tools: readonly Tool[] | undefined,
): ToolChoice | undefined {
  const own = functionTools(tools)
  if (choice === undefined || choice === null || own.length === 0) return undefined
  switch (choice.type) {
    case 'auto':
    case 'none':
      return { type: choice.type }
    case 'any':
      return { type: 'required' }
    case 'tool':
      return own.some(({ name }) => name === choice.name) ? { type: 'tool', name: choice.name } : undefined
    case 'unknown':
      return undefined
    default:
      return choice satisfies never
  }
}

function allowsOneCall({ tool_choice: choice }: MessagesBody): boolean {
  return choice !== undefined && choice !== null && 'disable_parallel_tool_use' in choice
    ? choice.disable_parallel_tool_use === true
    : false
}

function readFormat({ output_config: config, output_format: older }: MessagesBody): ResponseFormat | undefined {
  const format = config?.format ?? older
  if (format?.type !== 'json_schema') return undefined
  return { type: 'json-schema', name: 'reply', schema: format.schema, strict: true }
}

const efforts: readonly string[] = ['low', 'medium', 'high', 'xhigh', 'max'] satisfies ReasoningEffort[]

function readReasoning({ thinking, output_config: config }: MessagesBody): ReasoningWish | undefined {
  const effort = efforts.find((known) => known === config?.effort) as ReasoningEffort | undefined
  const wish = { ...(effort !== undefined && { effort }) }
  switch (thinking?.type) {
    case 'enabled':
      return { enabled: true, budgetTokens: thinking.budget_tokens, ...wish }
    case 'adaptive':
    case 'between_tools':
    case 'unknown':
      return { enabled: true, ...wish }
    case 'disabled':
      return { enabled: false, ...wish }
    case undefined:
      // An effort alone is no wish to see thoughts, yet it says how hard the model shall try.
      return effort === undefined ? undefined : { enabled: true, effort }
    default:
      return thinking satisfies never
  }
}

/** Whether the client expects to read thoughts. Programs that did not ask take the first block for the text. */
function wantsThinking({ thinking }: MessagesBody): boolean {
  if (thinking === undefined || thinking === null || thinking.type === 'disabled') return false
  return thinking.type === 'unknown' || thinking.display !== 'omitted'
}

function otherNeeds(checked: MessagesBody): readonly Need[] {
  const needs: Need[] = nativeFields.flatMap((field) => {
    const value = checked[field]
    return value === undefined || value === null
      ? []
      : [{ capability: 'native' as const, field, weight: 'prefer' as const }]
  })
  const format = checked.output_config?.format ?? checked.output_format
  if (format?.type === 'unknown') needs.push({ capability: 'native', field: 'output_config.format', weight: 'must' })
  if (checked.max_tokens === 0) needs.push({ capability: 'native', field: 'max_tokens', weight: 'must' })
  return needs
}

/** Claude Code writes its session into `metadata.user_id`: as JSON, or in older versions at the end of a name. */
function sessionIn(userId: string | undefined): string | undefined {
  if (userId === undefined) return undefined
  if (!userId.startsWith('{')) return /_session_([\w-]+)$/.exec(userId)?.[1]
  try {
    const { session_id: id } = JSON.parse(userId) as { readonly session_id?: unknown }
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}
