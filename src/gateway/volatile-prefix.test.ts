import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ChatRequest } from '../core/request.ts'
import { pinVolatilePrefix } from './volatile-prefix.ts'

function agent(hash: string): ChatRequest {
  const text = `x-anthropic-billing-header: cc_version=2.1.37.3a3; cc_entrypoint=cli; cch=${hash};`
  return chat('hello', {
    messages: [
      {
        role: 'system',
        content: [
          { type: 'text', text },
          { type: 'text', text: 'You are a coding agent.' },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: `the user writes cch=${hash}` }] },
    ],
    client: { body: '{}', headers: {}, query: '' },
  })
}

test('two requests that differ in the hash alone begin alike', () => {
  const [first, second] = [agent('fa690'), agent('00b1c')].map(pinVolatilePrefix)
  assert.deepEqual(first?.messages[0], second?.messages[0])
  // What the user says is not ours to change.
  assert.notDeepEqual(first?.messages[1], second?.messages[1])
  // The client's own bytes still hold the hash, so they are not passed on.
  assert.equal(first?.client, undefined)
})

test('a request without one stays as it is, its bytes included', () => {
  const request = chat('hello', { client: { body: '{}', headers: {}, query: '' } })
  assert.equal(pinVolatilePrefix(request), request)
})
