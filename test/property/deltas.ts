import fc from 'fast-check'
import type { ContentDelta } from '../../src/core/reply.ts'

const words = fc.string({ unit: 'grapheme', maxLength: 12 })

const texts = words.map((text): readonly ContentDelta[] => [{ type: 'text-delta', text }])

const thought = fc
  .tuple(
    fc.array(words, { minLength: 1, maxLength: 3 }),
    fc.option(fc.constantFrom('c2lnbmVk', 'YWxzbw=='), { nil: undefined }),
  )
  .map(([pieces, signature]): readonly ContentDelta[] => [
    ...pieces.map((text): ContentDelta => ({ type: 'reasoning-delta', text })),
    ...(signature === undefined ? [] : [{ type: 'reasoning-signature', signature } as const]),
  ])

const hidden = fc.constant<readonly ContentDelta[]>([{ type: 'reasoning-redacted', data: 'ZW5jcnlwdGVk' }])

const argumentText = fc.oneof(
  fc.constant(''),
  fc.constant('{}'),
  fc.constant('{"n":12345678901234567890}'),
  fc
    .dictionary(
      fc.string({ unit: 'grapheme', maxLength: 6 }).filter((key) => key !== '__proto__'),
      fc.jsonValue(),
    )
    .map((value) => JSON.stringify(value)),
)

interface DrawnCall {
  readonly name: string
  readonly fragments: readonly string[]
}

const call = fc
  .tuple(fc.constantFrom('get_weather', 'read'), argumentText, fc.array(fc.nat({ max: 30 }), { maxLength: 3 }))
  .map(([name, text, cuts]): DrawnCall => {
    const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length]
    return { name, fragments: places.slice(1).map((place, index) => text.slice(places[index], place)) }
  })

/** Parallel calls, whose fragments take turns or do not. */
const calls = fc.tuple(fc.array(call, { minLength: 1, maxLength: 3 }), fc.boolean())

/** Everything that a provider may yield of one reply, in an order that is allowed. Calls come once, at any place. */
export const replies: fc.Arbitrary<readonly ContentDelta[]> = fc
  .tuple(
    fc.array(fc.oneof(texts, thought, hidden), { maxLength: 4 }),
    fc.option(calls, { nil: undefined }),
    fc.array(texts, { maxLength: 2 }),
  )
  .map(([before, group, after]) => [
    ...before.flat(),
    ...(group === undefined ? [] : callDeltas(group[0], group[1])),
    ...after.flat(),
  ])

function callDeltas(group: readonly DrawnCall[], mixed: boolean): readonly ContentDelta[] {
  const begins = group.map(({ name }, index): ContentDelta => ({ type: 'tool-call', index, id: `call_${index}`, name }))
  const deltas = group.map(({ fragments }, index) =>
    fragments.map((text): ContentDelta => ({ type: 'tool-call-delta', index, arguments: text })),
  )
  if (!mixed) return begins.flatMap((begin, index) => [begin, ...(deltas[index] ?? [])])
  const longest = Math.max(...deltas.map(({ length }) => length))
  const turns = Array.from({ length: longest }, (_, at) => deltas.flatMap((own) => own[at] ?? []))
  return [...begins, ...turns.flat()]
}
