import fc from 'fast-check'

/** One call of a tool, and what came of it. */
export interface Call {
  readonly id: string
  readonly name: string
  /** JSON text of an object. */
  readonly arguments: string
  readonly result: string
}

export interface User {
  readonly role: 'user'
  /** In pieces, where the dialect has some. */
  readonly texts: readonly string[]
  /** In base64. */
  readonly images: readonly string[]
}

export interface Assistant {
  readonly role: 'assistant'
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly Call[]
}

export type Turn = User | Assistant

/** A conversation in no dialect's words. It ends with the user, or with results of tools. */
export interface History {
  /** In pieces, where the dialect has some; perhaps none. */
  readonly system: readonly string[]
  readonly turns: readonly Turn[]
}

/** Blank text, which Anthropic refuses and so nobody gets, is not drawn. */
const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map((text) => `a${text}z`)
const perhaps = fc.oneof(fc.constant(''), words)
const images = fc.array(fc.constantFrom('iVBORw0KGgoAAAANSUhEUg==', '/9j/4AAQSkZJRgABAQAAAQ==').map(String), {
  maxLength: 2,
})

const bigNumber = '12345678901234567890'
const argumentTexts = fc.oneof(
  fc.constant('{}'),
  fc.constant(`{"n":${bigNumber},"f":1.50}`),
  fc
    .dictionary(
      fc.string({ unit: 'grapheme', maxLength: 8 }).filter((key) => key !== '__proto__'),
      fc.jsonValue(),
    )
    .map((value) => JSON.stringify(value)),
)
/** OpenAI's own, Anthropic's, those of others with dots and colons, and long ones. */
const ids = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab01_-'), minLength: 1, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'ab.:/ é'), minLength: 1, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'ab01'), minLength: 41, maxLength: 60 }),
)
const call = fc.record({
  id: ids,
  name: fc.constantFrom('get_weather', 'read', 'mcp__files__list-all'),
  arguments: argumentTexts,
  result: perhaps,
})

const user = fc.record({
  role: fc.constant('user' as const),
  texts: fc.array(words, { minLength: 1, maxLength: 2 }),
  images,
})
const speaking = fc.record({
  role: fc.constant('assistant' as const),
  text: words,
  reasoning: perhaps,
  calls: fc.constant<readonly Call[]>([]),
})
const calling = fc.record({
  role: fc.constant('assistant' as const),
  text: perhaps,
  reasoning: perhaps,
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
})

/** The user, then any number of calls with their results, then perhaps what the assistant makes of them. */
const round = fc
  .tuple(user, fc.array(calling, { maxLength: 2 }), fc.option(speaking, { nil: undefined }))
  .map(([question, calls, answer]): readonly Turn[] => [question, ...calls, ...(answer === undefined ? [] : [answer])])

export const histories: fc.Arbitrary<History> = fc
  .record({
    system: fc.array(words, { maxLength: 2 }),
    rounds: fc.array(round, { minLength: 1, maxLength: 3 }),
    last: user,
  })
  .map(({ system, rounds, last }) => ({ system, turns: uniqueIds([...rounds.flat(), last]) }))

/** Within one conversation no two calls have the same id. */
function uniqueIds(turns: readonly Turn[]): readonly Turn[] {
  const used = new Set<string>()
  const free = (id: string): string => {
    let own = id
    for (let count = 1; used.has(own); count++) own = `${id}${count}`
    used.add(own)
    return own
  }
  return turns.map((turn) =>
    turn.role === 'user' ? turn : { ...turn, calls: turn.calls.map((one) => ({ ...one, id: free(one.id) })) },
  )
}
