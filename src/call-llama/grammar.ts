import type { JsonSchema } from '../core/tools.ts'
import { count, impliedType, isSchema, list, mergedSchema, number, referred } from '../translation/json-schema.ts'
import { integersBetween } from './integers.ts'

/** A rule set in GBNF, the grammar language of llama.cpp, and what of the schema it could not say. */
export interface SchemaGrammar {
  /** The rules, without `root`: whoever uses them says what surrounds the value. */
  readonly rules: readonly string[]
  /** The expression that matches the value. */
  readonly value: string
  /** Keywords that the grammar does not hold the model to, as `pattern`. */
  readonly ignored: readonly string[]
}

/** Beyond this many rules a grammar is slower than the model. */
const mostRules = 1000
/** llama.cpp reads a grammar while everything else waits: this many characters in milliseconds, ten times as many in seconds. */
export const longestGrammar = 100_000
/** Schemas that are deeper than this mostly contain themselves without a name. */
const deepest = 200
/** llama.cpp writes repetitions out; more than this many characters or items are not counted. */
const mostRepetitions = 200

/**
 * White space is one blank at most, wherever JSON allows it: models that are held to JSON and have nothing to say write
 * blanks without end. Properties come in the order of the schema, and none that it does not name; each reply that
 * matches therefore matches the schema too.
 */
export const jsonRules: readonly string[] = [
  'blank ::= " "?',
  'character ::= [^"\\\\\\x00-\\x1F\\x7F] | "\\\\" ["\\\\bfnrt]',
  'string ::= "\\"" character* "\\""',
  'integer ::= "-"? ("0" | [1-9] [0-9]{0,15})',
  'number ::= integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
  'boolean ::= "true" | "false"',
  'null ::= "null"',
  'member ::= string ":" blank value',
  'object ::= "{" blank (member ("," blank member)*)? blank "}"',
  'array ::= "[" blank (value ("," blank value)*)? blank "]"',
  'value ::= object | array | string | number | boolean | null',
]

/**
 * The grammar of a schema. `prefix` keeps the rules of several schemas apart. Undefined where the schema refers to what
 * is not there, or is too large.
 */
export function schemaGrammar(schema: JsonSchema, prefix = 'rule'): SchemaGrammar | undefined {
  const writer = new GrammarWriter(schema, prefix)
  try {
    const value = writer.expression(schema)
    if (lengthOf({ value, rules: writer.rules }) > longestGrammar) return undefined
    return { value, rules: writer.rules, ignored: [...writer.ignored] }
  } catch (error) {
    if (error instanceof Unsayable) return undefined
    throw error
  }
}

/** How many characters of a grammar a schema takes, more or less. */
export function lengthOf({ value, rules }: Pick<SchemaGrammar, 'value' | 'rules'>): number {
  return rules.reduce((sum, rule) => sum + rule.length, value.length)
}

/** A whole grammar whose root is one JSON value. */
export function rootGrammar({ value, rules }: Pick<SchemaGrammar, 'value' | 'rules'>): string {
  return [`root ::= ${value}`, ...jsonRules, ...rules].join('\n')
}

class Unsayable extends Error {}

/** Keywords that say nothing of the value. */
const silent: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$defs', 'definitions', '$comment', '$anchor', 'title', 'description', 'default', 'examples'],
  ...['deprecated', 'readOnly', 'writeOnly', 'nullable', 'strict'],
])

/** Keywords that the grammar holds the model to, or stays within. */
const kept: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items'],
  ...['prefixItems', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref', 'minItems', 'maxItems', 'minLength'],
  ...['maxLength', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'additionalItems'],
  ...['unevaluatedProperties'],
])

const formats: Readonly<Record<string, string>> = {
  date: '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])',
  time: '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "Z"',
  uuid: '[0-9a-f]{8} "-" [0-9a-f]{4} "-4" [0-9a-f]{3} "-" [89ab] [0-9a-f]{3} "-" [0-9a-f]{12}',
  email: '[a-z0-9] [a-z0-9._-]{0,30} "@" ([a-z0-9] [a-z0-9-]{0,30} "."){1,3} [a-z]{2,10}',
  ipv4: '[1-9] [0-9]? "." [1-9] [0-9]? "." [1-9] [0-9]? "." [1-9] [0-9]?',
}

class GrammarWriter {
  readonly rules: string[] = []
  readonly ignored = new Set<string>()
  readonly #root: JsonSchema
  readonly #prefix: string
  readonly #references = new Map<string, string>()

  constructor(root: JsonSchema, prefix: string) {
    this.#root = root
    this.#prefix = prefix
  }

  expression(schema: unknown): string {
    if (++this.#depth > deepest) throw new Unsayable('nested too deeply')
    const value = this.#expression(schema)
    this.#depth--
    return value
  }
  #depth = 0

  #expression(schema: unknown): string {
    if (!isSchema(schema)) return 'value'
    if (typeof schema.$ref === 'string') return this.#reference(schema.$ref)
    for (const keyword of Object.keys(schema)) if (!kept.has(keyword) && !silent.has(keyword)) this.ignored.add(keyword)
    if ('const' in schema) return literal(schema.const)
    if (Array.isArray(schema.enum)) return this.#rule(schema.enum.map(literal).join(' | '))

    const { anyOf, oneOf, allOf, ...own } = schema
    const alternatives = list(anyOf ?? oneOf)
    const common = list(allOf).map((part) => this.#resolved(part))
    if (alternatives.length > 0) {
      // By its name where it stands alone, as a schema may refer to itself.
      const alone = common.length === 0 && Object.keys(own).every((keyword) => silent.has(keyword))
      const each = alternatives.map((one) =>
        this.expression(alone ? one : mergedSchema([own, ...common, this.#resolved(one)])),
      )
      return this.#rule(each.join(' | '))
    }
    if (common.length > 0) return this.expression(mergedSchema([own, ...common]))
    return this.#typed(schema)
  }

  #typed(schema: JsonSchema): string {
    const { type } = schema
    if (Array.isArray(type)) return this.#rule(type.map((one) => this.#typed({ ...schema, type: one })).join(' | '))
    switch (type ?? impliedType(schema)) {
      case 'object':
        return this.#object(schema)
      case 'array':
        return this.#array(schema)
      case 'string':
        return this.#string(schema)
      case 'integer':
        return this.#integer(schema)
      case 'number':
        return this.#number(schema)
      case 'boolean':
        return 'boolean'
      case 'null':
        return 'null'
      default:
        return 'value'
    }
  }

  /** Named, so that a schema may refer to itself. */
  #reference(reference: string): string {
    const known = this.#references.get(reference)
    if (known !== undefined) return known
    const name = this.#reserve()
    this.#references.set(reference, name)
    const at = this.rules.length
    this.rules.push('')
    this.rules[at] = `${name} ::= ${this.expression(this.#find(reference))}`
    return name
  }

  #object({ properties, required, additionalProperties }: JsonSchema): string {
    const known = Object.entries(isSchema(properties) ? properties : {})
    if (known.length === 0) {
      if (additionalProperties === false) return '"{}"'
      if (!isSchema(additionalProperties)) return 'object'
      const member = this.#rule(`string ":" blank ${this.expression(additionalProperties)}`)
      return this.#rule(`"{" blank (${member} ("," blank ${member})*)? blank "}"`)
    }
    const needed = new Set(list(required))
    const present = new Set<unknown>(known.map(([name]) => name))
    const missing = [...needed].filter((name) => !present.has(name))
    const members = [...known, ...missing.map((name) => [String(name), {}] as const)].map(([name, schema]) => ({
      text: this.#rule(`${literal(name)} ":" blank ${this.expression(schema)}`),
      needed: needed.has(name),
    }))
    return this.#rule(`"{" blank ${this.#members(members)} blank "}"`)
  }

  /** Optional members may each be left out; what follows the first that is there begins with a comma. */
  #members(members: readonly { readonly text: string; readonly needed: boolean }[]): string {
    const follow = new Array<string>(members.length + 1).fill('')
    for (let at = members.length - 1; at >= 0; at--) {
      const { text, needed } = members[at] ?? { text: '', needed: false }
      const rest = `"," blank ${text}`
      const tail = follow[at + 1] ?? ''
      const here = needed ? `${rest} ${tail}` : `(${rest})? ${tail}`
      follow[at] = at === 0 ? '' : this.#rule(here.trim())
    }
    const firstNeeded = members.findIndex(({ needed }) => needed)
    const last = firstNeeded === -1 ? members.length - 1 : firstNeeded
    const starts = members.slice(0, last + 1).map(({ text }, at) => `${text} ${follow[at + 1] ?? ''}`.trim())
    return firstNeeded === -1 ? `(${starts.join(' | ')})?` : `(${starts.join(' | ')})`
  }

  #array({ prefixItems, items, minItems, maxItems }: JsonSchema): string {
    const first = list(prefixItems).map((item) => this.expression(item))
    const least = Math.max(count(minItems) ?? 0, first.length)
    const most = count(maxItems)
    const open = first.length > 0 && items === undefined ? first.length : most
    if (items === false || open === first.length) {
      return first.length === 0 ? '"[]"' : this.#rule(`"[" blank ${first.join(' "," blank ')} blank "]"`)
    }
    const item = this.expression(items)
    const restLeast = least - first.length
    const restMost = open === undefined ? undefined : Math.max(restLeast, open - first.length)
    const begin = first.length === 0 ? undefined : first.join(' "," blank ')
    const inner =
      begin === undefined
        ? repeated(item, restLeast, restMost)
        : `${begin} ("," blank ${item})${times(restLeast, restMost)}`
    return this.#rule(`"[" blank ${inner} blank "]"`)
  }

  #string({ format, minLength, maxLength }: JsonSchema): string {
    if (typeof format === 'string') {
      const known = format === 'date-time' ? `${formats.date} "T" ${formats.time}` : formats[format]
      if (known !== undefined) return this.#rule(`"\\"" ${known} "\\""`)
      this.ignored.add(`format ${format}`)
    }
    const least = count(minLength) ?? 0
    const most = count(maxLength)
    if (least === 0 && most === undefined) return 'string'
    if (least > mostRepetitions) this.ignored.add('minLength')
    if (most !== undefined && most > mostRepetitions) this.ignored.add('maxLength')
    const from = Math.min(least, mostRepetitions)
    const to = most === undefined || most > mostRepetitions ? undefined : most
    return this.#rule(`"\\"" character${times(from, to)} "\\""`)
  }

  #integer(schema: JsonSchema): string {
    const { low, high } = bounds(schema)
    if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) return 'integer'
    if (Math.ceil(low) > Math.floor(high)) throw new Unsayable('no number is between these bounds')
    return this.#rule(integersBetween(Math.ceil(low), Math.floor(high)))
  }

  /** Fractions are held to their sign; other bounds are too much for a grammar. */
  #number(schema: JsonSchema): string {
    const { low, high } = bounds(schema)
    if (low !== 0 && Number.isFinite(low)) this.ignored.add('minimum')
    if (Number.isFinite(high)) this.ignored.add('maximum')
    return low >= 0 ? this.#rule('("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,15})?') : 'number'
  }

  #rule(body: string): string {
    const name = this.#reserve()
    this.rules.push(`${name} ::= ${body}`)
    return name
  }

  #reserve(): string {
    if (this.#names >= mostRules) throw new Unsayable('too many rules')
    return `${this.#prefix}-${this.#names++}`
  }
  #names = 0

  #resolved(schema: unknown): unknown {
    return isSchema(schema) && typeof schema.$ref === 'string' ? this.#find(schema.$ref) : schema
  }

  #find(reference: string): unknown {
    const found = referred(reference, this.#root)
    if (found === undefined) throw new Unsayable(reference)
    return found
  }
}

function repeated(item: string, least: number, most: number | undefined): string {
  if (most === 0) return ''
  const more = `("," blank ${item})${times(Math.max(0, least - 1), most === undefined ? undefined : most - 1)}`
  return least === 0 ? `(${item} ${more})?` : `${item} ${more}`
}

function times(least: number, most: number | undefined): string {
  const from = Math.min(least, mostRepetitions)
  if (most === undefined || most > mostRepetitions) return from === 0 ? '*' : `{${from},}`
  return `{${from},${most}}`
}

function bounds({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, type }: JsonSchema) {
  const step = type === 'integer' ? 1 : 0
  const lows = [number(minimum), shifted(exclusiveMinimum, step)].filter((bound) => bound !== undefined)
  const highs = [number(maximum), shifted(exclusiveMaximum, -step)].filter((bound) => bound !== undefined)
  return { low: Math.max(Number.NEGATIVE_INFINITY, ...lows), high: Math.min(Number.POSITIVE_INFINITY, ...highs) }
}

function shifted(bound: unknown, step: number): number | undefined {
  if (typeof bound !== 'number') return undefined
  if (step === 0) return bound
  return step > 0 ? Math.floor(bound) + 1 : Math.ceil(bound) - 1
}

/** The text of a JSON value, as a literal of the grammar. */
export function literal(value: unknown): string {
  return `"${JSON.stringify(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
