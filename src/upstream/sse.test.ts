import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError } from '../../test/fixtures/stand-ins/calls.ts'
import type { UpstreamIdentity } from './errors.ts'
import { readLines } from './ndjson.ts'
import { readEvents } from './sse.ts'

const identity: UpstreamIdentity = { name: 'stand-in', url: 'http://x', keyHint: '', secrets: [] }

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const events = [
  { name: 'one event', input: 'data: a\n\n', expected: [['message', 'a']] },
  { name: 'a named event', input: 'event: ping\ndata: {}\n\n', expected: [['ping', '{}']] },
  { name: 'several lines of data', input: 'data: a\ndata: b\n\n', expected: [['message', 'a\nb']] },
  {
    name: 'carriage returns',
    input: 'data: a\r\n\r\ndata: b\r\n\r\n',
    expected: [
      ['message', 'a'],
      ['message', 'b'],
    ],
  },
  {
    name: 'comments and blank lines',
    input: ': OPENROUTER PROCESSING\n\n\n\ndata: a\n\n',
    expected: [['message', 'a']],
  },
  { name: 'no blank after the colon', input: 'data:a\n\n', expected: [['message', 'a']] },
  { name: 'letters of several bytes', input: 'data: žluťoučký 🐎 馬\n\n', expected: [['message', 'žluťoučký 🐎 馬']] },
  { name: 'a byte order mark', input: '\uFEFFdata: a\n\n', expected: [['message', 'a']] },
  { name: 'an event that was cut off', input: 'data: a\n\ndata: b', expected: [['message', 'a']] },
  { name: 'nothing', input: '', expected: [] },
]

for (const { name, input, expected } of events) {
  for (const size of [1, 2, 3, 7, 1000]) {
    test(`events: ${name}, ${size} bytes at a time`, async () => {
      const read = await Array.fromAsync(readEvents(inPieces(input, size), identity))
      assert.deepEqual(
        read.map(({ event, data }) => [event, data]),
        expected,
      )
    })
  }
}

for (const size of [1, 2, 3, 4, 5, 7, 1000]) {
  test(`frames are passed on as they came, ${size} bytes at a time`, async () => {
    const frames = [
      'event: a\r\nid: 7\r\ndata: {"x": 1.0}\r\n\r\n',
      ': comment\ndata: 馬\n\n',
      'data: b\n\r\n',
      `data: ${'y'.repeat(40)}\n\n`,
    ]
    const read = await Array.fromAsync(readEvents(inPieces(frames.join(''), size), identity))
    assert.deepEqual(
      read.map(({ frame }) => frame),
      frames,
    )
  })
}

const lines = [
  { name: 'one object', input: '{"a":1}\n', expected: [{ a: 1 }] },
  { name: 'several, with blank lines', input: '{"a":1}\n\n\r\n{"a":2}\r\n', expected: [{ a: 1 }, { a: 2 }] },
  { name: 'no line break at the end', input: '{"a":1}\n{"a":2}', expected: [{ a: 1 }, { a: 2 }] },
  { name: 'letters of several bytes', input: '{"a":"🐎 馬"}\n', expected: [{ a: '🐎 馬' }] },
  { name: 'nothing', input: '', expected: [] },
]

for (const { name, input, expected } of lines) {
  for (const size of [1, 2, 3, 7, 1000]) {
    test(`lines: ${name}, ${size} bytes at a time`, async () => {
      const read = await Array.fromAsync(readLines(inPieces(input, size), identity))
      assert.deepEqual(
        read.map(({ fields }) => fields),
        expected,
      )
    })
  }
}

const broken = [
  { name: 'malformed JSON', input: '{"a":\n{"a":2}\n', code: 'upstream_failed', message: /sent malformed JSON/ },
  { name: 'no object', input: '42\n', code: 'upstream_failed', message: /not an object/ },
  { name: 'a cut last line', input: '{"a":1}\n{"a', code: 'upstream_cut', message: /in the middle of a line/ },
] as const

for (const { name, input, code, message } of broken) {
  test(`lines: ${name}`, async () => {
    const error = await Array.fromAsync(readLines(inPieces(input, 3), identity)).catch((error) => error)
    assertError(error, code, message)
  })
}

const endless = [
  { name: 'an event', read: readEvents, input: `data: ${'x'.repeat(2000)}` },
  { name: 'an event of many lines', read: readEvents, input: 'data: xxxxxxxx\n'.repeat(200) },
  { name: 'a line', read: readLines, input: `{"a":"${'x'.repeat(2000)}` },
]

for (const { name, read, input } of endless) {
  test(`${name} that does not end is given up`, async () => {
    const error = await Array.fromAsync<unknown>(read(inPieces(input, 100), identity, 1000)).catch((error) => error)
    assertError(error, 'upstream_failed', /more than 1000 characters/)
  })
}

test('events that came before one that is too long are still read', async () => {
  const seen: string[] = []
  const read = async () => {
    const input = `data: first\n\ndata: ${'x'.repeat(2000)}`
    for await (const { data } of readEvents(inPieces(input, 50), identity, 1000)) seen.push(data)
  }
  assertError(await read().catch((error) => error), 'upstream_failed')
  assert.deepEqual(seen, ['first'])
})
