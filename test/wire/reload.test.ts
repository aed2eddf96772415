import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

const admin = { authorization: 'Bearer admin-key-0123456789' }
const open = () =>
  openTestGateway({
    environment: { ADMIN: admin.authorization.slice(7) },
    config: { server: { admin_key: 'env:ADMIN' }, providers: { echo: { kind: 'echo', delay_ms: 3 } } },
  })
const reload = (gateway: TestGateway) => gateway.app.inject({ method: 'POST', url: '/admin/v1/reload', headers: admin })
const ask = (gateway: TestGateway, prompt: string, model: string) => gateway.post('/api/v1/chat', { prompt, model })
const parrot = { provider: 'echo', id: 'parrot', max_complexity: 1, context_tokens: 1_000_000 }
const models = (...names: string[]) => ({
  models: {
    ...Object.fromEntries(names.map((name) => [name, { ...parrot, id: name }])),
    baseline: { provider: 'echo', id: 'baseline', auto: false, price: { input: 3, output: 15 } },
  },
})

test('another configuration counts at once, in all its parts, and requests that run are answered', async () => {
  const gateway = await open()
  try {
    const running = ask(gateway, 'word '.repeat(100), 'parrot')
    assert.equal((await ask(gateway, 'hi', 'newcomer')).statusCode, 422)
    const off = Object.fromEntries(
      ['smollm2', 'tinyllama', 'phi2', 'claude-sonnet'].map((name) => [name, { enabled: false }]),
    )
    gateway.rewrite({
      models: { ...off, ...models('newcomer').models },
      limits: { rate: 'off', max_prompt_characters: 50 },
    })
    const reply = await reload(gateway)
    assert.equal(reply.statusCode, 200, reply.body)
    assert.deepEqual(reply.json().changed.toSorted(), ['limits', 'models'])
    assert.equal((await ask(gateway, 'hi', 'newcomer')).statusCode, 200)
    const gone = await ask(gateway, 'hi again', 'parrot')
    assert.equal(gone.statusCode, 422, gone.body)
    assert.equal((await ask(gateway, 'x'.repeat(51), 'newcomer')).statusCode, 413)
    const listed = (await gateway.get('/v1/models')).json().data.map(({ id }: { id: string }) => id)
    assert.ok(listed.includes('newcomer') && !listed.includes('parrot'), listed.join())
    assert.equal((await running).statusCode, 200)
    const { entries } = (await gateway.get('/admin/v1/audit', admin)).json()
    assert.equal(entries[0].action, 'config.reload')
  } finally {
    await gateway.close()
  }
})

test('one that is wrong, or that needs a start, changes nothing and says why', async () => {
  const gateway = await open()
  try {
    gateway.rewrite({ router: { strategy: 'guess', baseline_model: 'baseline' } })
    const wrong = await reload(gateway)
    assert.equal(wrong.statusCode, 400, wrong.body)
    assert.match(wrong.json().error, /router\.strategy/)
    const state = (await gateway.get('/admin/v1/config', admin)).json()
    assert.match(state.last_error, /router\.strategy/)
    assert.equal(state.config.server.admin_key, 'env:ADMIN')
    gateway.rewrite({ server: { admin_key: 'env:ADMIN', port: 1, drain_seconds: 5 } })
    const stuck = await reload(gateway)
    assert.deepEqual([stuck.statusCode, /server cannot change/.test(stuck.json().error)], [400, true], stuck.body)
    gateway.rewrite({})
    assert.deepEqual((await reload(gateway)).json().changed, [])
    assert.equal((await ask(gateway, 'hi', 'parrot')).statusCode, 200)
    assert.equal((await gateway.app.inject({ method: 'POST', url: '/admin/v1/reload' })).statusCode, 401)
  } finally {
    await gateway.close()
  }
})

test('a reload forgives nobody what was used of limits and budgets', async () => {
  const gateway = await openTestGateway({
    environment: { ADMIN: admin.authorization.slice(7) },
    config: {
      server: { admin_key: 'env:ADMIN' },
      limits: { rate: '3/hour' },
      budgets: { whole: [{ dollars: 1, period: 'month' }] },
    },
  })
  try {
    for (const text of ['1', '2', '3']) assert.equal((await ask(gateway, text, 'parrot')).statusCode, 200)
    gateway.rewrite({ budgets: { whole: [{ dollars: 2, period: 'month' }] } })
    assert.deepEqual((await reload(gateway)).json().changed, ['budgets'])
    assert.equal((await ask(gateway, '4', 'parrot')).statusCode, 429)
  } finally {
    await gateway.close()
  }
})
