import { randomBytes } from 'node:crypto'
import type { ContentDelta } from '../core/reply.ts'
import type { FunctionTool } from '../core/tools.ts'
import { completionOf } from './json-completion.ts'

type State = 'between' | 'name' | 'arguments' | 'end' | 'done'

/**
 * Reads the calls that a model writes, `{"name": "...", "arguments": {...}}` or a list of them, and gives them out as
 * they come. What it reads was held to this form by a grammar.
 */
export class CallReader {
  readonly #tools: readonly FunctionTool[]
  #state: State = 'between'
  #listed = false
  #head = ''
  #name = ''
  #arguments = ''
  #depth = 0
  #quoted = false
  #escaped = false
  #calls = 0

  constructor(tools: readonly FunctionTool[]) {
    this.#tools = tools
  }

  /** True once there is no more to come. */
  get done(): boolean {
    return this.#state === 'done'
  }

  /** How many calls have begun. */
  get calls(): number {
    return this.#calls
  }

  push(text: string): readonly ContentDelta[] {
    const deltas: ContentDelta[] = []
    let fresh = ''
    const flush = () => {
      if (fresh !== '') deltas.push(this.#delta(fresh))
      fresh = ''
    }
    for (const character of text) {
      switch (this.#state) {
        case 'between':
          if (character === '[') this.#listed = true
          else if (character === '{') this.#begin()
          else if (character === ']') this.#state = 'done'
          break
        case 'name': {
          this.#head += character
          const named = /^"name": ("(?:[^"\\]|\\.)*"), "arguments": $/.exec(this.#head)
          if (named?.[1] === undefined) break
          this.#name = JSON.parse(named[1])
          this.#state = 'arguments'
          const id = `call_${randomBytes(12).toString('hex')}`
          deltas.push({ type: 'tool-call', index: this.#calls++, id, name: this.#name })
          break
        }
        case 'arguments':
          fresh += character
          if (!this.#closes(character)) break
          flush()
          this.#state = 'end'
          break
        case 'end':
          this.#state = this.#listed ? 'between' : 'done'
          break
        case 'done':
          break
        default:
          this.#state satisfies never
      }
    }
    flush()
    return deltas
  }

  /** The reply was cut off: what makes the arguments of the last call whole, as nobody can use half of them. */
  cut(): readonly ContentDelta[] {
    if (this.#state !== 'arguments') return []
    const schema = this.#tools.find(({ name }) => name === this.#name)?.parameters ?? {}
    const missing = completionOf(this.#arguments, schema)
    return missing === '' ? [] : [this.#delta(missing)]
  }

  #begin(): void {
    this.#state = 'name'
    this.#head = ''
    this.#arguments = ''
    this.#depth = 0
  }

  #delta(text: string): ContentDelta {
    this.#arguments += text
    return { type: 'tool-call-delta', index: this.#calls - 1, arguments: text }
  }

  /** Whether the character ends the arguments. */
  #closes(character: string): boolean {
    if (this.#quoted) {
      if (this.#escaped) this.#escaped = false
      else if (character === '\\') this.#escaped = true
      else if (character === '"') this.#quoted = false
      return false
    }
    if (character === '"') this.#quoted = true
    else if (character === '{' || character === '[') this.#depth++
    else if (character === '}' || character === ']') return --this.#depth === 0
    return false
  }
}
