import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from '../fixtures/gateway.ts'

const slow = (options: object) => ({
  heartbeatMs: 20,
  config: {
    server: { early_reply_seconds: 0.05 },
    providers: { echo: { kind: 'echo', delay_ms: 60, ...options } },
  },
})
const body = JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'one two three' }] })

test('an answer that takes long sends its headers ahead, and white space until it is there', async (context) => {
  const gateway = await openTestGateway(slow({}))
  context.after(() => gateway.close())
  const address = await gateway.listen()
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${address}/v1/chat/completions`, { method: 'POST', headers, body })
  assert.equal(response.status, 200)
  const text = await response.text()
  assert.match(text, /^ +\{/)
  assert.equal(JSON.parse(text).choices[0].message.content, 'one two three')
})

test('one that fails after its headers is a broken connection, not an answer', async (context) => {
  const gateway = await openTestGateway(slow({ fail_with: 'upstream_cut', fail_after_words: 2 }))
  context.after(() => gateway.close())
  const address = await gateway.listen()
  const headers = { 'content-type': 'application/json', 'x-request-id': 'broken' }
  const response = await fetch(`${address}/v1/chat/completions`, { method: 'POST', headers, body })
  await assert.rejects(response.text())
  assert.equal((await gateway.house.account.find('broken'))?.errorCode, 'upstream_cut')
})
