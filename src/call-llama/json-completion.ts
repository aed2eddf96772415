import type { JsonSchema } from '../core/tools.ts'
import { isSchema, list, mergedSchema, referred } from '../translation/json-schema.ts'
import { exampleOf, exampleRoom, few } from '../translation/schema-example.ts'

/**
 * What must follow JSON that was cut off so that it becomes a value of its schema: the shortest end of what was begun,
 * and examples of what is missing. Empty where it is complete already.
 */
export function completionOf(text: string, schema: JsonSchema): string {
  try {
    return new Completion(text, schema).complete()
  } catch (error) {
    // It left its schema before it was cut off: then it shall be JSON, at least.
    if (error instanceof Clash || error instanceof Endless) return new Completion(text, {}).complete()
    throw error
  }
}

class Clash extends Error {}

/** The schema goes in circles, or has more branches than can be tried. */
class Endless extends Error {}

/** Values that are looked at, those of branches that came to nothing included. */
const mostSteps = 100_000
/** References and choices that are followed without a character being read. */
const mostUnfolded = 100

const anyName = 'more'

/** Reads along the schema. Each method returns what is missing at the end of the text, or undefined before that. */
class Completion {
  readonly #text: string
  readonly #root: JsonSchema
  readonly #room = exampleRoom()
  #at = 0
  #steps = 0
  #unfolded = { at: -1, times: 0 }

  constructor(text: string, root: JsonSchema) {
    this.#text = text
    this.#root = root
  }

  complete(): string {
    return this.#value(this.#root) ?? ''
  }

  #value(given: unknown): string | undefined {
    const schema = this.#resolved(given)
    this.#blanks()
    this.#count()
    if (this.#ended) return this.#example(schema)

    const choices = 'const' in schema ? [schema.const] : list(schema.enum)
    if (choices.length > 0) return this.#choice(choices)
    const { anyOf, oneOf, allOf, ...own } = schema
    const alternatives = list(anyOf ?? oneOf)
    const common = list(allOf).map((part) => this.#resolved(part))
    if (alternatives.length > 0) {
      return this.#first(alternatives.map((one) => mergedSchema([own, ...common, this.#resolved(one)])))
    }
    if (common.length > 0) return this.#value(mergedSchema([own, ...common]))

    const character = this.#text[this.#at] ?? ''
    if (!accepts(schema, character)) throw new Clash()
    if (character === '{') return this.#object(schema)
    if (character === '[') return this.#array(schema)
    if (character === '"') return this.#string(schema)
    return this.#plain()
  }

  #count(): void {
    const { at, times } = this.#unfolded
    this.#unfolded = { at: this.#at, times: at === this.#at ? times + 1 : 0 }
    if (++this.#steps > mostSteps || this.#unfolded.times > mostUnfolded) throw new Endless()
  }

  /** The first of several schemas that the text does not contradict. */
  #first(schemas: readonly JsonSchema[]): string | undefined {
    const begin = this.#at
    for (const schema of schemas) {
      try {
        this.#at = begin
        return this.#value(schema)
      } catch (error) {
        if (!(error instanceof Clash)) throw error
      }
    }
    throw new Clash()
  }

  #choice(choices: readonly unknown[]): string | undefined {
    const rest = this.#text.slice(this.#at)
    const texts = choices.map((choice) => JSON.stringify(choice))
    // The longest first, as 1 is the beginning of 10.
    const whole = texts.filter((text) => rest.startsWith(text)).sort((a, b) => b.length - a.length)[0]
    if (whole !== undefined) {
      this.#at += whole.length
      return undefined
    }
    const begun = texts.find((text) => text.startsWith(rest))
    if (begun === undefined) throw new Clash()
    return begun.slice(rest.length)
  }

  #object(schema: JsonSchema): string | undefined {
    const properties = isSchema(schema.properties) ? schema.properties : {}
    const closed = Object.keys(properties).length > 0
    const seen = new Set<string>()
    let comma = false
    this.#at++
    for (;;) {
      this.#blanks()
      if (this.#ended) return this.#members(schema, seen, comma ? 'due' : seen.size > 0 ? 'after' : 'none')
      const character = this.#text[this.#at]
      if (character === '}') {
        this.#at++
        return undefined
      }
      if (character === ',') {
        this.#at++
        comma = true
        continue
      }
      const begin = this.#at
      const cut = this.#skipString()
      if (cut !== undefined) {
        const begun = this.#text.slice(begin)
        const name = Object.keys(properties).find((key) => !seen.has(key) && JSON.stringify(key).startsWith(begun))
        const end = name === undefined ? cut : JSON.stringify(name).slice(begun.length)
        const key = name ?? String(JSON.parse(begun + cut))
        return `${end}: ${this.#example(properties[key])}${this.#members(schema, seen.add(key), 'after')}`
      }
      const name: string = JSON.parse(this.#text.slice(begin, this.#at))
      if (closed && !(name in properties)) throw new Clash()
      seen.add(name)
      comma = false
      this.#blanks()
      if (this.#ended) return `: ${this.#example(properties[name])}${this.#members(schema, seen, 'after')}`
      // The colon.
      this.#at++
      const value = this.#value(properties[name] ?? schema.additionalProperties)
      if (value !== undefined) return value + this.#members(schema, seen, 'after')
    }
  }

  /** The members that are still required, and the brace. A comma that stands there already needs one more. */
  #members(schema: JsonSchema, seen: ReadonlySet<string>, comma: 'none' | 'after' | 'due'): string {
    const properties = isSchema(schema.properties) ? schema.properties : {}
    const missing = list(schema.required).filter((name) => typeof name === 'string' && !seen.has(name)) as string[]
    const spare = Object.keys(properties).find((name) => !seen.has(name)) ?? anyName
    const names = missing.length === 0 && comma === 'due' ? [spare] : missing
    const texts = names.map((name) => `${JSON.stringify(name)}: ${this.#example(properties[name])}`)
    return `${comma === 'after' && texts.length > 0 ? ', ' : ''}${texts.join(', ')}}`
  }

  #array(schema: JsonSchema): string | undefined {
    const first = list(schema.prefixItems)
    const itemAt = (index: number) => first[index] ?? schema.items
    const least = Math.max(first.length, few(schema.minItems) ?? 0)
    let length = 0
    let comma = false
    const rest = () => {
      const missing = Math.max(0, least - length, comma ? 1 : 0)
      const items = Array.from({ length: missing }, (_, index) => this.#example(itemAt(length + index)))
      return `${items.length > 0 && length > 0 && !comma ? ', ' : ''}${items.join(', ')}]`
    }
    this.#at++
    for (;;) {
      this.#blanks()
      if (this.#ended) return rest()
      const character = this.#text[this.#at]
      if (character === ']') {
        this.#at++
        return undefined
      }
      if (character === ',') {
        this.#at++
        comma = true
        continue
      }
      const value = this.#value(itemAt(length))
      length++
      comma = false
      if (value !== undefined) return value + rest()
    }
  }

  #string(schema: JsonSchema): string | undefined {
    const begin = this.#at
    const end = this.#skipString()
    if (end === undefined) return undefined
    const said: string = JSON.parse(this.#text.slice(begin) + end)
    // Formats have places for their characters: an example tells which are missing.
    const example = String(this.#plainExample(schema))
    const rest = typeof schema.format === 'string' || said.length < minLength(schema) ? example.slice(said.length) : ''
    return end.slice(0, -1) + JSON.stringify(rest).slice(1)
  }

  #plainExample(schema: JsonSchema): unknown {
    return exampleOf({ ...schema, type: 'string' }, this.#root, this.#room)
  }

  /** Moves behind the string; where the text ends within it, what would close it. */
  #skipString(): string | undefined {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]
      if (character === '\\') {
        this.#at++
        if (this.#ended) return 'n"'
      } else if (character === '"') {
        this.#at++
        return undefined
      }
    }
    return '"'
  }

  /** Numbers, `true`, `false`, `null`. A number at the very end may go on, but need not. */
  #plain(): string | undefined {
    const text = /^[-+.\w]*/.exec(this.#text.slice(this.#at))?.[0] ?? ''
    this.#at += text.length
    if (!this.#ended) return undefined
    const word = ['true', 'false', 'null'].find((whole) => whole.startsWith(text))
    if (word !== undefined) return word.slice(text.length)
    if (/\d$/.test(text)) return ''
    return /[-+eE.]$/.test(text) ? '1' : ''
  }

  #example(schema: unknown): string {
    return JSON.stringify(exampleOf(schema, this.#root, this.#room))
  }

  #resolved(given: unknown, followed = 0): JsonSchema {
    if (!isSchema(given)) return {}
    if (followed > mostUnfolded) throw new Endless()
    return typeof given.$ref === 'string' ? this.#resolved(referred(given.$ref, this.#root), followed + 1) : given
  }

  #blanks(): void {
    while (!this.#ended && /\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  get #ended(): boolean {
    return this.#at >= this.#text.length
  }
}

const beginnings: Readonly<Record<string, RegExp>> = {
  object: /[{]/,
  array: /[[]/,
  string: /"/,
  integer: /[-\d]/,
  number: /[-\d]/,
  boolean: /[tf]/,
  null: /n/,
}

function accepts({ type, properties }: JsonSchema, character: string): boolean {
  const types = Array.isArray(type) ? type : [type ?? (properties === undefined ? undefined : 'object')]
  return types.some((one) => one === undefined || beginnings[String(one)]?.test(character) !== false)
}

function minLength({ minLength }: JsonSchema): number {
  return typeof minLength === 'number' ? minLength : 0
}
