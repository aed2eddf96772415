import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from '../../test/fixtures/gateway.ts'
import { chat as request } from '../../test/fixtures/stand-ins/calls.ts'
import type { ReplyPart } from '../core/reply.ts'
import { noUsage } from '../core/usage.ts'

test('what turns out later not to be possible is told in a comment of the stream', async (context) => {
  const gateway = await openTestGateway()
  context.after(() => gateway.close())
  const parrot = gateway.house.models.find(({ name }) => name === 'parrot')
  assert.ok(parrot)
  const provider = gateway.house.rooms.providers.get(parrot.provider)
  assert.ok(provider)
  context.mock.method(provider, 'send', async function* (): AsyncGenerator<ReplyPart> {
    yield { type: 'text-delta', text: 'one' }
    yield { type: 'warning', message: 'a schema\nwas too much' }
    yield { type: 'finish', reason: 'stop', usage: noUsage }
  })
  const body = { model: 'parrot', messages: [{ role: 'user', content: request('hi').id }], stream: true }
  const reply = await gateway.post('/v1/chat/completions', body)
  assert.match(reply.body, /\n\n: warning: a schema was too much\n\n/)
})
