import { Script } from 'node:vm'
import type { FunctionTool } from '../core/tools.ts'
import { functionTools } from '../core/tools.ts'
import { mismatch } from './schema.ts'
import { fencesOf, finding, type Look, nothing } from './subject.ts'

/** It should be JSON, and is none, or other JSON than was asked for. */
export const invalidJson: Look = ({ request, text, partial, toolCalls }) => {
  const { responseFormat } = request
  if (partial) return nothing
  if (responseFormat?.type === 'json' || responseFormat?.type === 'json-schema') {
    if (toolCalls.length > 0) return nothing
    const value = parsed(text)
    if (value === undefined) return finding('invalid-json', 'fatal', 'it is no JSON, which was asked for')
    if (responseFormat.type === 'json') return nothing
    const wrong = mismatch(value.json, responseFormat.schema)
    return wrong === undefined
      ? nothing
      : finding('invalid-json', 'fatal', `its JSON does not follow the schema (${wrong})`)
  }
  const broken = fencesOf(text).some(
    ({ language, code, closed }) => language === 'json' && closed && parsed(code) === undefined,
  )
  return broken ? finding('invalid-json', 'doubt', 'a block of JSON in it does not parse') : nothing
}

function parsed(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const brackets: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** A block of code that does not parse. Of most languages only the brackets are looked at. */
export const invalidCode: Look = ({ text, partial }) => {
  if (partial) return nothing
  const broken = fencesOf(text).filter(({ language, code, closed }) => {
    if (!closed) return false
    if (language === 'js' || language === 'javascript') return !isScript(code)
    return language === 'python' || language === 'py' ? !isBalanced(code) : false
  })
  return broken.length === 0
    ? nothing
    : finding('invalid-code', 'doubt', `a block of ${broken[0]?.language} in it does not parse`)
}

/** Compiled, never run. What only a module may hold is no mistake. */
function isScript(code: string): boolean {
  if (/^\s*(import|export)\b|\bawait\b/m.test(code) || /^\s*\.\.\.\s*$/m.test(code)) return true
  try {
    new Script(`(() => {${code}\n})`)
    return true
  } catch {
    return false
  }
}

/** Brackets outside of strings and comments. */
function isBalanced(code: string): boolean {
  const open: string[] = []
  const bare = code.replaceAll(/"""[^"]*"""|'''[^']*'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*/g, '')
  for (const character of bare) {
    if ('([{'.includes(character)) open.push(character)
    else if (brackets[character] !== undefined && open.pop() !== brackets[character]) return false
  }
  return open.length === 0
}

/** It calls a tool that does not exist, or with arguments that the tool does not take. */
export const invalidToolCall: Look = ({ request, toolCalls, partial }) => {
  const tools = functionTools(request.tools)
  if (partial || tools.length === 0) return nothing
  for (const call of toolCalls) {
    const wrong = wrongWith(call, tools)
    if (wrong !== undefined) return finding('invalid-tool-call', 'fatal', wrong)
  }
  return nothing
}

function wrongWith(call: { readonly name: string; readonly arguments: string }, tools: readonly FunctionTool[]) {
  const tool = tools.find(({ name }) => name === call.name)
  if (tool === undefined) return 'it calls a tool that was not offered'
  const value = parsed(call.arguments === '' ? '{}' : call.arguments)
  if (value === undefined) return `its arguments for ${tool.name} are no JSON`
  const wrong = mismatch(value.json, tool.parameters)
  return wrong === undefined ? undefined : `its arguments for ${tool.name} do not follow the schema (${wrong})`
}
