import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requestHead } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { GatewayError } from '../core/errors.ts'
import type { Route } from './dialect.ts'
import { embeddingsRoute } from './openai-embeddings.ts'

const route = embeddingsRoute as Extract<Route, { does: 'embed' }>
const ask = { model: 'auto', input: 'x' }

describe('a request for vectors', () => {
  test('one text', () => {
    assert.deepEqual(route.embed({ ...ask, dimensions: 3, user: 'ann' }, requestHead()), {
      id: 'id',
      dialect: 'openai-embeddings',
      model: 'auto',
      inputs: ['x'],
      dimensions: 3,
      user: 'ann',
      truncate: false,
      wishes: { base64: false },
    })
  })

  test('several', () => {
    assert.deepEqual(route.embed({ ...ask, input: ['a', 'b'] }, requestHead()).inputs, ['a', 'b'])
  })

  const refused = [
    { fields: { input: undefined }, field: 'input', message: /must be a string or an array/ },
    { fields: { input: '' }, field: 'input', message: /is empty/ },
    { fields: { input: [] }, field: 'input', message: /1 to 2048/ },
    { fields: { input: ['a', ''] }, field: 'input', message: /./ },
    { fields: { input: [1, 2] }, field: 'input', message: /token ids.*send text/ },
    { fields: { input: [[1], [2]] }, field: 'input', message: /token ids/ },
    { fields: { encoding_format: 'int8' }, field: 'encoding_format', message: /float or base64/ },
    { fields: { dimensions: 0 }, field: 'dimensions', message: /at least 1/ },
  ]
  for (const { fields, field, message } of refused) {
    test(`refused: ${JSON.stringify(fields)}`, () => {
      assert.throws(
        () => route.embed({ ...ask, ...fields }, requestHead()),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'invalid_request' &&
          error.field?.startsWith(field) === true &&
          message.test(error.message),
      )
    })
  }
})

describe('vectors', () => {
  const answer = (format: 'float' | 'base64') => {
    const request = route.embed({ ...ask, encoding_format: format }, requestHead())
    return route.vectors({ request, vectors: [[0.5, -1]], model: 'parrot', receipt: receipt({}) })
  }

  test('as numbers', () => {
    assert.deepEqual(answer('float'), {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }],
      model: 'parrot',
      usage: { prompt_tokens: 10, total_tokens: 10 },
    })
  })

  test('as 32-bit floats in base64', () => {
    const { data } = answer('base64') as { data: readonly { embedding: string }[] }
    const bytes = Buffer.from(data[0]?.embedding ?? '', 'base64')
    assert.deepEqual([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)], [8, 0.5, -1])
  })
})
