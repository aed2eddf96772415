import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

/** bifrost #2873: a route that is added must not be one that nobody guards. */

/** Those that strangers may ask. */
const open = ['GET /', 'GET /health', 'GET /health/live', 'GET /health/ready', 'GET /openapi.json']

describe('with a key, every route is locked', () => {
  let gateway: TestGateway
  let operations: readonly { readonly method: string; readonly path: string }[]
  let chatOnly = ''
  let expired = ''

  before(async () => {
    const clock = Date.now()
    gateway = await openTestGateway({ environment: { HYBRID_ADMIN_KEY: 'sesame' } })
    const { paths } = (await gateway.get('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> }
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'x') })),
    )
    const actor = { id: 'test', name: 'test', address: '' }
    const wanted = { name: 'k', team: '', scopes: ['chat'], labels: {} } as const
    chatOnly = (await gateway.house.keys.create(wanted, actor)).text
    expired = (await gateway.house.keys.create({ ...wanted, expiresAt: clock - 1 }, actor)).text
  })
  after(() => gateway.close())

  const statusOf = async (method: string, path: string, headers: Readonly<Record<string, string>>) => {
    const reply = await gateway.app.inject({
      method: method as 'GET',
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      ...(method !== 'GET' && { payload: '{}' }),
      // One address may not try many keys.
      remoteAddress: `10.0.${Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`,
    })
    return reply.statusCode
  }

  const senders = [
    { name: 'no key', headers: () => ({}), expected: [401] },
    { name: 'a wrong key', headers: () => ({ authorization: 'Bearer nonsense' }), expected: [401] },
    { name: 'an expired key', headers: () => ({ 'x-api-key': expired }), expected: [401] },
  ]
  for (const { name, headers, expected } of senders) {
    test(name, async () => {
      const wrong: string[] = []
      let locked = 0
      for (const { method, path } of operations) {
        const status = await statusOf(method, path, headers())
        const isOpen = open.includes(`${method} ${path}`)
        if (!isOpen) locked++
        if (isOpen !== !expected.includes(status)) wrong.push(`${method} ${path} answered ${status}`)
      }
      assert.deepEqual(wrong, [])
      assert.ok(locked > 30, `${locked} routes were tried`)
    })
  }

  test('a key to chat with opens no admin route', async () => {
    const admin = operations.filter(({ path }) => path.startsWith('/admin/') || path === '/metrics')
    for (const { method, path } of admin) {
      assert.equal(await statusOf(method, path, { authorization: `Bearer ${chatOnly}` }), 403, `${method} ${path}`)
    }
    assert.ok(admin.length > 5)
  })
})
