import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { openTestGateway } from '../fixtures/gateway.ts'

const mine = { authorization: 'Bearer key-of-mine-0123456789' }
const yours = { authorization: 'Bearer key-of-yours-0123456789' }

async function open(context: TestContext, learning: Readonly<Record<string, unknown>> = {}) {
  const gateway = await openTestGateway({
    config: {
      server: { keys: ['env:MINE', 'env:YOURS'] },
      router: { strategy: 'evidence', learning },
    },
    environment: { MINE: 'key-of-mine-0123456789', YOURS: 'key-of-yours-0123456789' },
  })
  context.after(() => gateway.close())
  const ask = async (prompt: string, headers: Record<string, string> = mine) => {
    const reply = await gateway.post('/api/v1/chat', { prompt }, headers)
    assert.equal(reply.statusCode, 200, reply.body)
    return reply.json().request_id as string
  }
  const tell = async (body: object, headers: Record<string, string> = mine) => {
    const reply = await gateway.post('/api/v1/feedback', body, headers)
    return { status: reply.statusCode, body: reply.json() }
  }
  const labels = async () => {
    await gateway.house.settle()
    return await gateway.house.labels.all()
  }
  return { ask, tell, labels }
}

describe('POST /api/v1/feedback', () => {
  test('counts for the key that made the request, and for no other', async (context) => {
    const { ask, tell, labels } = await open(context)
    const request_id = await ask('hello there')
    assert.equal((await tell({ request_id, verdict: 'good' }, {})).status, 401)
    const foreign = await tell({ request_id, verdict: 'bad' }, yours)
    assert.deepEqual([foreign.status, foreign.body.code, foreign.body.field], [403, 'forbidden', 'request_id'])
    const told = await tell({ request_id, verdict: 'good' })
    assert.deepEqual([told.status, told.body.model, told.body.weight], [200, 'parrot', 1])
    await tell({ request_id, verdict: 'bad' })
    assert.deepEqual(
      (await labels()).map(({ good, requestId }) => [good, requestId]),
      [[0, request_id]],
    )
  })

  test('a reply from the cache is judged where it was made', async (context) => {
    const { ask, tell } = await open(context)
    const first = await ask('hello there')
    const again = await ask('hello there')
    const told = await tell({ request_id: again, verdict: 'bad' })
    assert.equal(told.status, 400)
    assert.match(told.body.error, /nothing can be learned from this request: it was answered from the cache/)
    assert.equal((await tell({ request_id: first, verdict: 'bad' })).status, 200)
  })

  test('names what is wrong, and learns no words', async (context) => {
    const { ask, tell, labels } = await open(context)
    const request_id = await ask('hello there')
    const cases: readonly (readonly [body: object, field: string])[] = [
      [{ verdict: 'good' }, 'request_id'],
      [{ request_id: '', verdict: 'good' }, 'request_id'],
      [{ request_id: 3, verdict: 'good' }, 'request_id'],
      [{ request_id }, 'verdict'],
      [{ request_id, verdict: 'good', from: 'nobody' }, 'from'],
    ]
    for (const [body, field] of cases) {
      const { status, body: error } = await tell(body)
      assert.deepEqual([status, error.code, error.field], [400, 'invalid_request', field])
    }
    assert.deepEqual(await labels(), [])
    assert.equal((await tell({ request_id, verdict: 'bad', comment: 'secret words' })).status, 200)
    const kept = JSON.stringify(await labels())
    assert.doesNotMatch(kept, /secret|hello/)
  })

  test('so many a day count of one key', async (context) => {
    const { ask, tell, labels } = await open(context, { feedback_per_day: 2 })
    const ids = [await ask('one'), await ask('two'), await ask('three')]
    const statuses: number[] = []
    for (const request_id of ids) {
      statuses.push((await tell({ request_id, verdict: 'bad' })).status)
      await labels()
    }
    assert.deepEqual(statuses, [200, 200, 429])
    const other = await ask('four', yours)
    assert.equal((await tell({ request_id: other, verdict: 'bad' }, yours)).status, 200)
  })

  test('one key alone says little, and its replies say how much', async (context) => {
    const { ask, tell, labels } = await open(context, { caller_share: 0.05 })
    const weights: number[] = []
    for (let index = 0; index < 5; index++) {
      const told = await tell({ request_id: await ask(`hello number ${index}`), verdict: 'bad' })
      weights.push(told.body.weight)
    }
    assert.equal(weights[0], 1)
    assert.ok((weights.at(-1) ?? 1) < 0.2, String(weights))
    const kept = (await labels()).reduce((sum, { weight }) => sum + weight, 0)
    assert.ok(kept < 2.2, String(kept))
    const other = await tell({ request_id: await ask('and yours', yours), verdict: 'good' }, yours)
    assert.equal(other.body.weight, 1)
  })
})
