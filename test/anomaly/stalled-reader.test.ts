import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openTestGateway } from '../fixtures/gateway.ts'

test('a client that stops reading is cut off; its request is closed, and equal ones get their answer', async () => {
  const gateway = await openTestGateway({ config: { server: { send_timeout_seconds: 0.2 } } })
  const port = Number(new URL(await gateway.listen()).port)
  // Far more frames than the buffers of the kernel and of the stream hold.
  const prompt = 'a '.repeat(49_000)
  const body = JSON.stringify({ model: 'auto', stream: true, messages: [{ role: 'user', content: prompt }] })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-request-id: stalled\r\ncontent-type: application/json\r\n`
  socket.pause()
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
  while ((await gateway.house.account.find('stalled')) === undefined) await new Promise((next) => setTimeout(next, 10))

  const reply = await gateway.post('/api/v1/chat', { prompt })
  assert.equal(reply.statusCode, 200)
  assert.equal(reply.json().response, prompt)
  assert.equal((await gateway.house.account.find('stalled'))?.status, 'cancelled')
  assert.equal(gateway.house.account.openRequests, 0)
  socket.destroy()
  await gateway.close()
})
