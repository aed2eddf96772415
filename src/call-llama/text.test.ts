import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StopText, TokenText } from './text.ts'

const cases = [
  { name: 'nothing to stop at', stops: [], pieces: ['a', 'b'], expected: ['a', 'b'], stopped: false },
  { name: 'a stop in one piece', stops: ['X'], pieces: ['aXb'], expected: ['a'], stopped: true },
  { name: 'a stop over three pieces', stops: ['END'], pieces: ['go E', 'N', 'D on'], expected: ['go '], stopped: true },
  { name: 'a false beginning', stops: ['END'], pieces: ['go E', 'N', 'T'], expected: ['go ENT'], stopped: false },
  { name: 'the earlier of two', stops: ['cd', 'bc'], pieces: ['abcd'], expected: ['a'], stopped: true },
  { name: 'held back to the end', stops: ['END'], pieces: ['a', 'E'], expected: ['a', 'E'], stopped: false },
  { name: 'an empty stop is none', stops: [''], pieces: ['a'], expected: ['a'], stopped: false },
]
for (const { name, stops, pieces, expected, stopped } of cases)
  test(`stop text: ${name}`, () => {
    const watch = new StopText(stops)
    const sent: string[] = []
    let ended = false
    for (const text of pieces) {
      const result = watch.push({ text, logprobs: [{ token: text, logprob: -1 }] })
      if (result.piece !== undefined) sent.push(result.piece.text)
      ended ||= result.stopped
    }
    const rest = ended ? undefined : watch.flush()
    if (rest !== undefined) sent.push(rest.text)
    assert.deepEqual(sent, expected)
    assert.equal(ended, stopped)
  })

test('bytes of one character wait for each other and keep their probabilities', () => {
  const decode = (tokens: readonly number[]) => Buffer.from(tokens).toString('utf8')
  const text = new TokenText<number>(decode, [])
  const parrot = [...Buffer.from('🦜')]
  const pieces = [0x61, ...parrot, 0xff].map((byte, index) => text.push(byte, { logprob: -index }))
  assert.deepEqual(
    pieces.map((piece) => piece?.text),
    ['a', undefined, undefined, undefined, '🦜', undefined],
  )
  assert.deepEqual(pieces[4]?.logprobs, [
    { token: '', logprob: -1 },
    { token: '', logprob: -2 },
    { token: '', logprob: -3 },
    { token: '🦜', logprob: -4 },
  ])
  assert.equal(text.flush()?.text, '')
})

test('alternatives are told as text', () => {
  const text = new TokenText<number>((tokens) => String.fromCodePoint(...tokens), [])
  const top = [
    { token: 0x61, logprob: -0.1 },
    { token: 0x62, logprob: -3 },
  ]
  assert.deepEqual(text.push(0x61, { logprob: -0.1, top })?.logprobs, [
    {
      token: 'a',
      logprob: -0.1,
      top: [
        { token: 'a', logprob: -0.1 },
        { token: 'b', logprob: -3 },
      ],
    },
  ])
})
