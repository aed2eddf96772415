import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPairs } from '../../bench/semantic-cache/pairs.ts'
import { differencesOf } from './differences.ts'

const decisive: readonly (readonly [string, string, RegExp])[] = [
  ['Turn on the light.', 'Turn off the light.', /opposite/],
  ['How do I buy a share?', 'How do I sell a share?', /opposite/],
  ['Is it safe to swim?', 'Is it not safe to swim?', /negation/],
  ["Why can't dogs eat it?", 'Why can dogs eat it?', /negation/],
  ['Set a timer for two minutes.', 'Set a timer for 3 minutes.', /number/],
  ['Convert 5 miles to kilometers.', 'Convert 5 kilometers to miles.', /number/],
  ['What caused World War I?', 'What caused World War II?', /number/],
  ['What is the capital of France?', 'What is the capital of Spain?', /name/],
  ['Is Paris north of Madrid?', 'Is Madrid north of Paris?', /direction/],
  ['A train from Berlin to Munich', 'A train from Munich to Berlin', /direction/],
  ['Is light faster than sound?', 'Is sound faster than light?', /compared/],
  ['Translate "red" into Polish.', 'Translate "blue" into Polish.', /quoted/],
  ['Translate it into Spanish.', 'Translate it from Spanish.', /opposite|comes from/],
  ['Who founded it?', 'When was it founded?', /asked for/],
  ['Wie schalte ich die Heizung ein, bitte?', 'How do I turn on the heating, please?', /language/],
]
for (const [one, other, why] of decisive) {
  test(`${one} | ${other}`, () => {
    assert.match(differencesOf(one, other).decisive, why)
    assert.match(differencesOf(other, one).decisive, why)
  })
}

test('the same, asked in another way, leaves nothing over', () => {
  const same = [
    ['How do I reset my password?', 'What is the way to reset my password?'],
    ['Set a timer for two minutes.', 'Please set a timer for 2 minutes.'],
    ["What's the capital of France?", 'Tell me the capital of France.'],
    ['What does the plan cost?', 'What is the price of the plan?'],
  ] as const
  for (const [one, other] of same) {
    assert.deepEqual(differencesOf(one, other), { decisive: '', leftOver: 0, replaced: false }, one)
  }
})

test('of all near misses that were written down, none leaves nothing over', () => {
  const { train, test: seen, judged } = readPairs()
  const misses = [...train, ...seen, ...judged].filter(({ same }) => !same)
  assert.ok(misses.length > 500)
  const taken = misses.filter(({ one, other }) => {
    const { decisive: why, leftOver } = differencesOf(one, other)
    return why === '' && leftOver === 0
  })
  assert.deepEqual(taken, [])
})

test('long and hostile texts are compared in no time', () => {
  for (const text of ['a'.repeat(600), '"'.repeat(600), 'War I '.repeat(100), '1,'.repeat(300), "'s".repeat(300)]) {
    differencesOf(text, `${text}b`)
  }
})
