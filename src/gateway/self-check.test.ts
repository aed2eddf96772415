import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TokenLogprob } from '../core/reply.ts'
import { chanceOfYes } from './self-check.ts'

const token = (word: string, p: number, top: readonly (readonly [string, number])[] = []): TokenLogprob => ({
  token: word,
  logprob: Math.log(p),
  ...(top.length > 0 && { top: top.map(([other, chance]) => ({ token: other, logprob: Math.log(chance) })) }),
})

const cases: readonly { name: string; tokens: readonly TokenLogprob[]; expected: number | undefined }[] = [
  { name: 'nothing was said', tokens: [], expected: undefined },
  { name: 'neither yes nor no', tokens: [token('Maybe', 0.9)], expected: undefined },
  { name: 'yes, without alternatives', tokens: [token(' Yes', 0.8)], expected: 0.8 },
  { name: 'no, without alternatives', tokens: [token('no.', 0.7)], expected: 0.3 },
  {
    name: 'both among the alternatives',
    tokens: [
      token('\n', 1),
      token('Yes', 0.6, [
        ['Yes', 0.6],
        [' no', 0.2],
        ['Well', 0.2],
      ]),
    ],
    expected: 0.75,
  },
]
for (const { name, tokens, expected } of cases) {
  test(`a model's opinion of its reply: ${name}`, () => {
    const chance = chanceOfYes(tokens)
    assert.equal(chance === undefined ? undefined : Math.round(chance * 1e6) / 1e6, expected)
  })
}
