import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

const environment = { HYBRID_ADMIN_KEY: 'admin-sesame' }
const admin = { authorization: 'Bearer admin-sesame' }
const json = { ...admin, 'content-type': 'application/json' }

interface Made {
  readonly id: string
  readonly key: string
}

describe('the admin API', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await openTestGateway({
      environment,
      config: {
        models: {
          parrot: { provider: 'echo', id: 'parrot', context_tokens: 100_000 },
          owl: { provider: 'echo', id: 'owl', context_tokens: 100_000 },
        },
      },
    })
  })
  after(() => gateway.close())
  const call = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) => {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
    const reply = await gateway.app.inject({
      method,
      url: `/admin/v1${path}`,
      headers: body ? json : admin,
      ...payload,
    })
    return { status: reply.statusCode, body: reply.json() }
  }
  const make = async (body: object): Promise<Made> => (await call('POST', '/keys', body)).body as Made
  const say = (key: string, body: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    gateway.post('/api/v1/chat', { prompt: 'hello', ...body }, { authorization: `Bearer ${key}`, ...headers })

  test('a key is shown once, works, is listed without itself, rotated and revoked', async () => {
    const made = await call('POST', '/keys', { name: 'app', labels: { ticket: '1' } })
    assert.equal(made.status, 201)
    const { id, key } = made.body
    assert.equal((await say(key)).statusCode, 200)
    const listed = await call('GET', '/keys')
    assert.ok(!JSON.stringify(listed.body).includes(key.split('_')[2]))
    assert.equal((await call('GET', `/keys/${id}`)).body.name, 'app')
    const rotated = await call('POST', `/keys/${id}/rotate`, { grace_seconds: 0 })
    assert.equal((await say(key)).statusCode, 401)
    assert.equal((await say(rotated.body.key)).statusCode, 200)
    assert.equal((await call('DELETE', `/keys/${id}`)).status, 200)
    const refused = await say(rotated.body.key)
    assert.deepEqual([refused.statusCode, refused.json().code], [401, 'unauthorized'])
    const { body } = await call('GET', '/audit?limit=3')
    assert.deepEqual(
      body.entries.map(({ action }: { action: string }) => action),
      ['keys.revoke', 'keys.rotate', 'keys.create'],
    )
  })

  test('from the first key on nobody may chat without one', async () => {
    await make({ name: 'lock' })
    assert.equal((await gateway.post('/api/v1/chat', { prompt: 'hello' })).statusCode, 401)
  })

  test('a key allows its models alone, everywhere', async () => {
    const { key } = await make({ name: 'owls', models: ['ow*'] })
    const headers = { authorization: `Bearer ${key}` }
    assert.equal((await say(key, { model: 'auto' })).json().model, 'owl')
    const refused = await say(key, { model: 'parrot' })
    assert.equal(refused.statusCode, 403)
    assert.match(refused.json().error, /'owls' does not allow the model 'parrot'; it allows owl/)
    const { models } = (await gateway.get('/api/v1/models', headers)).json()
    assert.deepEqual(
      models.map(({ name }: { name: string }) => name),
      ['owl'],
    )
    const ids = (await gateway.get('/v1/models', headers)).json().data.map(({ id }: { id: string }) => id)
    assert.ok(ids.includes('owl') && !ids.includes('parrot'))
    const embedded = await gateway.post('/v1/embeddings', { model: 'parrot', input: 'x' }, headers)
    assert.equal(embedded.statusCode, 403)
  })

  test('a reply of a model that a key does not allow is not taken from the cache', async () => {
    const [all, owls] = [await make({ name: 'all' }), await make({ name: 'some', models: ['owl'] })]
    const first = await say(all.key, { prompt: 'the same words' })
    assert.equal(first.json().model, 'parrot')
    assert.equal((await say(owls.key, { prompt: 'the same words' })).json().model, 'owl')
  })

  test('a key allows its policies alone', async () => {
    const { key } = await make({ name: 'local', policies: ['local-only'] })
    assert.equal((await say(key, {}, { 'x-hybrid-policy': 'cloud-only' })).statusCode, 403)
    assert.equal((await say(key)).statusCode, 200)
  })

  test('scopes: chat reads no metrics and administers nothing, metrics does not chat', async () => {
    const chat = await make({ name: 'chat' })
    const metrics = await make({ name: 'metrics', scopes: ['metrics'] })
    const get = (path: string, { key }: Made) => gateway.get(path, { authorization: `Bearer ${key}` })
    for (const path of ['/metrics', '/api/v1/stats', '/admin/v1/keys']) {
      const refused = await get(path, chat)
      assert.equal(refused.statusCode, 403, path)
      assert.match(refused.json().error, /no scope/)
    }
    assert.equal((await get('/metrics', metrics)).statusCode, 200)
    assert.equal((await get('/api/v1/stats', metrics)).statusCode, 200)
    assert.equal((await get('/admin/v1/keys', metrics)).statusCode, 403)
    assert.equal((await say(metrics.key)).statusCode, 403)
  })

  const wrong = [
    { body: {}, field: 'name' },
    { body: { name: 'x', scope: ['chat'] }, field: 'scope' },
    { body: { name: 'x', scopes: ['root'] }, field: 'scopes[0]' },
    { body: { name: 'x', budgets: [{ dollars: -1, period: 'day' }] }, field: 'budgets[0].dollars' },
    { body: { name: 'x', expires_at: '2001-01-01T00:00:00Z' }, field: 'expires_at' },
  ]
  for (const { body, field } of wrong) {
    test(`what is wrong is named: ${field}`, async () => {
      const { status, body: told } = await call('POST', '/keys', body)
      assert.equal(status, 400)
      assert.ok(told.error.includes(field), told.error)
    })
  }

  test('a form of a web page is not taken', async () => {
    const reply = await gateway.app.inject({
      method: 'POST',
      url: '/admin/v1/keys',
      headers: { ...admin, 'content-type': 'application/x-www-form-urlencoded' },
      payload: '{"name": "x"}',
    })
    assert.equal(reply.statusCode, 415)
  })
})

test('without an admin key nobody administers, and the way out is told', async () => {
  const gateway = await openTestGateway()
  const reply = await gateway.get('/admin/v1/keys')
  assert.deepEqual([reply.statusCode, /hybrid keys create --scope admin/.test(reply.json().error)], [403, true])
  await gateway.close()
})

test('without a lock any text will do for a key, but one of our own making that does not count', async () => {
  const gateway = await openTestGateway()
  try {
    const ask = (key: string) => gateway.get('/v1/models', { authorization: `Bearer ${key}` })
    assert.equal((await ask('sk-anything')).statusCode, 200)
    assert.equal((await ask(`hyb_${'A'.repeat(12)}_${'B'.repeat(43)}`)).statusCode, 401)
  } finally {
    await gateway.close()
  }
})

test('a web page that has its name point here reaches nothing while there is no key', async () => {
  const gateway = await openTestGateway({ config: { server: { hosts: ['gateway.lan'] } } })
  const statusFor = async (host: string) => (await gateway.post('/api/v1/chat', { prompt: 'x' }, { host })).statusCode
  for (const host of ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example']) {
    assert.notEqual(await statusFor(host), 200, host)
  }
  for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:8080', 'gateway.lan:8080', 'app.localhost']) {
    assert.equal(await statusFor(host), 200, host)
  }
  await gateway.close()
})

test('who tries many keys is not listened to any more, not even with the right one', async () => {
  const gateway = await openTestGateway({ environment: { HYBRID_API_KEY: 'sesame' } })
  const say = (key: string) => gateway.post('/api/v1/chat', { prompt: 'x' }, { 'x-api-key': key })
  for (let attempt = 0; attempt < 30; attempt++) assert.equal((await say(`guess ${attempt}`)).statusCode, 401)
  const barred = await say('sesame')
  assert.equal(barred.statusCode, 429)
  assert.ok(Number(barred.headers['retry-after']) > 0)
  await gateway.close()
})
