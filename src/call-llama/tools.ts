import { type FunctionTool, functionTools, type ToolChoice } from '../core/tools.ts'
import { jsonRules, lengthOf, literal, longestGrammar, schemaGrammar } from './grammar.ts'
import { argumentsSignature, oneLine } from './schema-signature.ts'

/** How a call begins and ends in the text of a model: the way of Hermes, Qwen and SmolLM2, which others understand too. */
export const callBegin = '<tool_call>'
export const callEnd = '</tool_call>'

const mostCalls = 8
const nameKey = '{"name": '
const argumentsKey = ', "arguments": '

/** What the model may call in this reply. */
export interface OfferedTools {
  readonly tools: readonly FunctionTool[]
  /** True where the reply must be a call. */
  readonly forced: boolean
  /** True where the caller asked for several calls in one reply: small models find no end when they may. */
  readonly parallel: boolean
}

/** Undefined where the model may not call any. */
export function offeredTools(
  tools: Parameters<typeof functionTools>[0],
  choice: ToolChoice | undefined,
  parallel: boolean,
): OfferedTools | undefined {
  const all = functionTools(tools)
  if (choice?.type === 'none' || all.length === 0) return undefined
  const chosen = choice?.type === 'tool' ? all.filter(({ name }) => name === choice.name) : all
  // Nobody can call what is not there.
  if (chosen.length === 0) return undefined
  return { tools: chosen, forced: choice?.type === 'required' || choice?.type === 'tool', parallel }
}

/**
 * What the system prompt says of the tools. It depends on nothing but the tools themselves, so that the model remembers
 * it from turn to turn, whatever is chosen. Each tool is shown as its call: SmolLM2 then took the right one of three
 * for 11 of 12 requests, and for 5 where signatures were followed by one pattern of a call.
 */
export function toolsPrompt(tools: readonly FunctionTool[]): string {
  return [
    'You can call these tools:',
    ...tools.map(toolPrompt),
    'Reply with the call that fits, or just answer if no tool is needed.',
  ].join('\n')
}

function toolPrompt({ name, description = '', parameters }: FunctionTool): string {
  const call = `${nameKey}${JSON.stringify(name)}${argumentsKey}${argumentsSignature(parameters)}}`
  return `${oneLine(description)} ${callBegin}\n${call}\n${callEnd}`.trimStart()
}

/**
 * The grammar of one call, or of a list of them. `begun` is what the model has written of it already. Undefined where
 * that cannot become a call.
 */
export function callGrammar(
  { tools, parallel }: OfferedTools,
  begun: string,
): { readonly grammar: string; readonly ignored: readonly string[] } | undefined {
  const rules: string[] = []
  const ignored = new Set<string>()
  let left = longestGrammar
  const calls = tools.map(({ name, parameters }, index) => {
    const said = schemaGrammar(parameters, `tool${index}`)
    const length = said === undefined ? 0 : lengthOf(said)
    // Those of the first tools stand, as long as all of them together do not take too long to read.
    const found = length > left ? undefined : said
    if (found !== undefined) left -= length
    if (found === undefined) ignored.add(`the schema of ${name}`)
    for (const keyword of found?.ignored ?? []) ignored.add(keyword)
    rules.push(...(found?.rules ?? []))
    return `${literal(name)} ${text(argumentsKey)} ${found?.value ?? 'object'} "}"`
  })
  rules.push(`call ::= ${calls.join(' | ')}`)

  const written = begun.trimStart()
  const more = `(", " ${text(nameKey)} call){0,${mostCalls - 1}}`
  const roots = [
    ...(nameKey.startsWith(written) ? [`${rest(nameKey, written)} call`] : []),
    ...(parallel && `[${nameKey}`.startsWith(written) ? [`${rest(`[${nameKey}`, written)} call ${more} "]"`] : []),
  ]
  if (roots.length === 0) return undefined
  const blank = written === '' ? '[ \\n]? ' : ''
  const root = `root ::= ${blank}(${roots.join(' | ')})`
  return { grammar: [root, ...jsonRules, ...rules].join('\n'), ignored: [...ignored] }
}

/** How an earlier call stands in the conversation. */
export function callText(calls: readonly { readonly name: string; readonly arguments: string }[]): string {
  const texts = calls.map((call) => `${nameKey}${JSON.stringify(call.name)}${argumentsKey}${call.arguments}}`)
  const [only] = texts
  const json = texts.length === 1 && only !== undefined ? only : `[${texts.join(', ')}]`
  return `${callBegin}\n${json}\n${callEnd}`
}

/** How the result of a tool stands in the conversation. */
export function resultText(result: string): string {
  return `<tool_response>\n${result}\n</tool_response>`
}

function rest(whole: string, begun: string): string {
  return text(whole.slice(begun.length))
}

function text(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
