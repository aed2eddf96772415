import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openTestGateway, type TestGatewayOptions } from '../../test/fixtures/gateway.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import type { AnswerPart } from './answer-part.ts'

const paid = { input: 1, output: 2 }

describe('the walk', () => {
  test('answers, and the ledger has what happened', async () => {
    await withGateway({}, async ({ house }) => {
      const parts = await Array.fromAsync(house.answer(ask('one two three'), quiet()))
      assert.deepEqual(
        parts.map(({ type }) => type),
        ['start', 'text-delta', 'text-delta', 'text-delta', 'end'],
      )
      const row = await house.account.find('one two three')
      assert.equal(row?.status, 'answered')
      assert.equal(row?.model, 'parrot')
      assert.equal(row?.estimated, false)
      assert.deepEqual([row?.usage.input, row?.usage.output, row?.cost], [3, 3, 0])
      // 3 tokens in at $3 and 3 out at $15 a million.
      assert.equal(row?.baselineCost, 54_000)
      assert.match(row?.promptHash ?? '', /^[0-9a-f]{64}$/)
    })
  })

  test('goes on to the next model while nothing was sent, and both are accounted for', async () => {
    const config = {
      providers: { broken: { kind: 'echo', fail_with: 'upstream_failed' } },
      models: {
        first: { provider: 'broken', id: 'x', max_complexity: 0.3 },
        second: { provider: 'echo', id: 'x', max_complexity: 1, price: paid },
      },
    }
    await withGateway({ config }, async ({ house }) => {
      const parts = await Array.fromAsync(house.answer(ask('hello'), quiet()))
      const start = parts[0]
      assert.ok(start?.type === 'start')
      assert.equal(start.head.model, 'second')
      assert.match(start.head.reasoning, /first failed \(upstream_failed\)\. second answered instead$/)
      const row = await house.account.find('hello')
      assert.deepEqual(
        row?.attempts.map(({ model, outcome, error }) => [model, outcome, error]),
        [
          ['first', 'failed', 'upstream_failed'],
          ['second', 'answered', undefined],
        ],
      )
      assert.equal(row?.recommendedModel, 'first')
      assert.equal(row?.cost, 1000 + 2000)
    })
  })

  test('a weaker model that steps in makes the answer degraded, and it is not kept for later', async () => {
    const config = {
      providers: { broken: { kind: 'echo', fail_with: 'upstream_unreachable' } },
      models: {
        strong: { provider: 'broken', id: 'x', max_complexity: 1 },
        weak: { provider: 'echo', id: 'x', max_complexity: 0 },
      },
    }
    await withGateway({ config }, async ({ house }) => {
      const first = await endOf(house.answer(ask('tell me something'), quiet()))
      assert.equal(first.receipt.degraded, true)
      assert.equal(first.receipt.model, 'weak')
      await house.account.find('')
      const second = await endOf(house.answer({ ...ask('tell me something'), id: 'again' }, quiet()))
      assert.equal(second.receipt.cache, 'miss')
    })
  })

  test('an error that no other model can mend ends the walk at once', async () => {
    const config = {
      providers: { strict: { kind: 'echo', fail_with: 'upstream_rejected' } },
      models: {
        first: { provider: 'strict', id: 'x', max_complexity: 0.3 },
        second: { provider: 'echo', id: 'x', max_complexity: 1, price: paid },
      },
    }
    await withGateway({ config }, async ({ house }) => {
      await assert.rejects(endOf(house.answer(ask('hello'), quiet())), { code: 'upstream_rejected' })
      const row = await house.account.find('hello')
      assert.deepEqual([row?.status, row?.errorCode, row?.attempts.length], ['failed', 'upstream_rejected', 1])
    })
  })

  test('after the first content an error is final, and what was used is counted as an estimate', async () => {
    const config = {
      providers: { flaky: { kind: 'echo', fail_with: 'upstream_failed', fail_after_words: 2 } },
      models: {
        first: { provider: 'flaky', id: 'x', max_complexity: 1, price: paid },
        second: { provider: 'echo', id: 'x', max_complexity: 1, price: { input: 9, output: 9 } },
      },
    }
    await withGateway({ config }, async ({ house }) => {
      const seen: AnswerPart[] = []
      await assert.rejects(
        async () => {
          for await (const part of house.answer(ask('eight 88 characters here'), quiet())) seen.push(part)
        },
        { code: 'upstream_failed' },
      )
      assert.deepEqual(
        seen.map(({ type }) => type),
        ['start', 'text-delta', 'text-delta'],
      )
      const row = await house.account.find('eight 88 characters here')
      assert.deepEqual([row?.status, row?.estimated, row?.model], ['failed', true, 'first'])
      // 24 characters in are 6 tokens; "eight 88 " out are 3.
      assert.deepEqual([row?.usage.input, row?.usage.output, row?.cost], [6, 3, 6 * 1000 + 3 * 2000])
    })
  })

  test('nothing available is said with the reason of each model', async () => {
    const config = {
      providers: { anthropic: { kind: 'anthropic', api_key: 'env:NOT_SET' } },
      models: { claude: { provider: 'anthropic', id: 'claude-sonnet-5-5' } },
    }
    await withGateway({ config }, async ({ house }) => {
      await assert.rejects(endOf(house.answer(ask('hello'), quiet())), {
        code: 'no_model_available',
        message: /claude: no API key/,
      })
      assert.equal((await house.account.find('hello'))?.status, 'failed')
    })
  })
})

describe('a client that goes away', () => {
  test('by ending the iteration', async () => {
    await withGateway({}, async ({ house }) => {
      for await (const part of house.answer(ask('one two three'), quiet())) if (part.type === 'text-delta') break
      const row = await house.account.find('one two three')
      assert.deepEqual([row?.status, row?.estimated, row?.usage.output], ['cancelled', true, 1])
    })
  })

  test('by a signal, while the model is still thinking', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 60_000 } } }
    await withGateway({ config }, async ({ house }) => {
      const controller = new AbortController()
      const answering = endOf(house.answer(ask('hello'), controller.signal))
      setImmediate(() => controller.abort())
      await assert.rejects(answering, { code: 'cancelled' })
      const row = await house.account.find('hello')
      assert.deepEqual([row?.status, row?.attempts[0]?.outcome], ['cancelled', 'cancelled'])
    })
  })

  test('the time for the whole answer is bounded', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 60_000 } }, limits: { answer_timeout_seconds: 0.05 } }
    await withGateway({ config }, async ({ house }) => {
      // The deadline does not keep an idle process alive; a running server does.
      const alive = setInterval(() => {}, 1000)
      await assert.rejects(endOf(house.answer(ask('hello'), quiet())), { code: 'upstream_timeout' })
      clearInterval(alive)
      const row = await house.account.find('hello')
      assert.deepEqual([row?.status, row?.errorCode], ['failed', 'upstream_timeout'])
    })
  })
})

describe('the cache', () => {
  const words = 'one two three'

  test('answers an equal request again, at no cost, in every form', async () => {
    const config = { models: { parrot: { provider: 'echo', id: 'x', price: paid } } }
    await withGateway({ config }, async ({ house }) => {
      const first = await endOf(house.answer(ask(words), quiet()))
      const second = await endOf(
        house.answer({ ...ask(words), id: 'two', dialect: 'openai-chat', stream: true }, quiet()),
      )
      assert.deepEqual([first.receipt.cache, first.receipt.cost], ['miss', 9000])
      assert.deepEqual([second.receipt.cache, second.receipt.cost, second.receipt.model], ['hit', 0, 'parrot'])
      // What it would have cost is saved.
      assert.equal(second.receipt.baselineCost, first.receipt.baselineCost)
    })
  })

  const differences: readonly { name: string; change: Partial<ChatRequest> }[] = [
    { name: 'another model', change: { model: 'parrot' } },
    { name: 'another temperature', change: { temperature: 0.5 } },
    { name: 'another length', change: { maxTokens: 2 } },
    { name: 'another stop', change: { stop: ['x'] } },
    { name: 'another seed', change: { seed: 1 } },
    { name: 'an unknown field', change: { extra: { top_k: 4 } } },
    { name: 'an earlier turn', change: { messages: [message('hi'), message(words)] } },
    { name: 'no-cache', change: { caching: 'refresh' } },
    { name: 'no-store', change: { caching: 'off' } },
  ]
  for (const { name, change } of differences) {
    test(`is not asked for a request with ${name}`, async () => {
      await withGateway({}, async ({ house }) => {
        await endOf(house.answer(ask(words), quiet()))
        const other = await endOf(house.answer({ ...ask(words), ...change, id: 'other' }, quiet()))
        assert.notEqual(other.receipt.cache, 'hit')
      })
    })
  }

  test('tells each of what it said in vain itself', async () => {
    await withGateway({}, async ({ post }) => {
      const warningOf = async (extra: object) =>
        (await post('/api/v1/chat', { prompt: 'hello', ...extra })).headers['x-hybrid-warning']
      assert.match(String(await warningOf({ color: 'red' })), /ignored: color$/)
      assert.equal(await warningOf({}), undefined)
      assert.match(String(await warningOf({ size: 5 })), /ignored: size$/)
    })
  })

  test('concurrent equal requests ask a model once', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 5 } } }
    await withGateway({ config }, async ({ house }) => {
      const ids = Array.from({ length: 50 }, (_, index) => `same-${index}`)
      const ends = await Promise.all(ids.map((id) => endOf(house.answer({ ...ask(words), id }, quiet()))))
      const results = Object.groupBy(ends, ({ receipt }) => receipt.cache)
      assert.deepEqual([results.miss?.length, results.coalesced?.length], [1, 49])
    })
  })

  test('when the one that asks hangs up, another one asks', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 5 } } }
    await withGateway({ config }, async ({ house }) => {
      const leaving = new AbortController()
      const leader = endOf(house.answer({ ...ask(words), id: 'leader' }, leaving.signal))
      const followers = ['a', 'b', 'c'].map((id) => endOf(house.answer({ ...ask(words), id }, quiet())))
      setImmediate(() => leaving.abort())
      await assert.rejects(leader, { code: 'cancelled' })
      const results = (await Promise.all(followers)).map(({ receipt }) => receipt.cache).sort()
      assert.deepEqual(results, ['coalesced', 'coalesced', 'miss'])
    })
  })

  test('who waits for an equal request is told why the gateway ends it', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 60_000 } } }
    await withGateway({ config }, async ({ house }) => {
      const [leader, follower] = [new AbortController(), new AbortController()]
      const first = endOf(house.answer({ ...ask(words), id: 'leader' }, leader.signal))
      const second = endOf(house.answer({ ...ask(words), id: 'follower' }, follower.signal))
      setImmediate(() => follower.abort(new GatewayError('shutting_down', 'the gateway is stopping')))
      await assert.rejects(second, { code: 'shutting_down' })
      leader.abort()
      await assert.rejects(first, { code: 'cancelled' })
    })
  })

  test('an error is shared by those who wait, and never kept', async () => {
    const config = {
      providers: { echo: { kind: 'echo', fail_with: 'upstream_failed', delay_ms: 5, fail_after_words: 0 } },
    }
    await withGateway({ config }, async ({ house }) => {
      const answers = ['a', 'b'].map((id) => endOf(house.answer({ ...ask(words), id }, quiet())))
      const settled = await Promise.allSettled(answers)
      assert.deepEqual(
        settled.map(({ status }) => status),
        ['rejected', 'rejected'],
      )
      await assert.rejects(endOf(house.answer({ ...ask(words), id: 'c' }, quiet())), { code: 'upstream_failed' })
      assert.equal((await house.account.find('c'))?.cache, 'miss')
    })
  })
})

test('each model is charged with what was spent at it', async () => {
  const config = {
    providers: { flaky: { kind: 'echo', fail_with: 'upstream_cut', fail_after_words: 0 } },
    models: {
      first: { provider: 'flaky', id: 'x', price: paid, max_complexity: 0.3 },
      second: { provider: 'echo', id: 'x', price: { input: 9, output: 9 } },
    },
  }
  await withGateway({ config }, async ({ house }) => {
    const { receipt } = await endOf(house.answer(ask('12345678'), quiet()))
    // The cut call may have read the prompt (2 tokens, estimated); the second read one word and wrote one.
    assert.deepEqual(
      receipt.attempts.map(({ model, usage, estimated, cost }) => [model, usage.input, estimated, cost]),
      [
        ['first', 2, true, 2000],
        ['second', 1, false, 18_000],
      ],
    )
    assert.equal(receipt.cost, 20_000)
    const { by_model } = await house.account.statistics(0)
    assert.deepEqual([by_model.first?.requests, by_model.first?.cost], [0, 2e-6])
    assert.deepEqual([by_model.second?.requests, by_model.second?.cost], [1, 18e-6])
  })
})

test('several replies that are cut read the prompt several times', async () => {
  const config = {
    providers: { flaky: { kind: 'echo', fail_with: 'upstream_failed', fail_after_words: 1 } },
    models: { first: { provider: 'flaky', id: 'x', max_complexity: 1, price: paid } },
  }
  await withGateway({ config }, async ({ house }) => {
    await assert.rejects(endOf(house.answer({ ...ask('eight 88 characters here'), choices: 3 }, quiet())))
    const row = await house.account.find('eight 88 characters here')
    assert.deepEqual([row?.status, row?.estimated, row?.usage.input], ['failed', true, 3 * 6])
  })
})

test('what an unpriced model cost is not known, so neither is what it saved', async () => {
  const config = { models: { parrot: { provider: 'echo', id: 'x', price: 'unknown' } } }
  await withGateway({ config }, async ({ house, get }) => {
    await endOf(house.answer(ask('one two'), quiet()))
    const { unpriced_requests, by_model, savings } = await house.account.statistics(0)
    assert.deepEqual([unpriced_requests, by_model.parrot?.unpriced], [1, 1])
    assert.deepEqual([savings.baseline_cost, savings.saved], [0, 0])
    const { body } = await get('/metrics')
    assert.match(body, /^api_gateway_savings_dollars 0$/m)
    assert.match(body, /^api_gateway_unpriced_calls_total\{model="parrot"\} 1$/m)
  })
})

test('a client that repeats its request id hides nothing', async () => {
  await withGateway({}, async ({ house, post }) => {
    for (const prompt of ['a', 'b', 'c']) await post('/api/v1/chat', { prompt }, { 'x-request-id': 'same' })
    assert.equal((await house.account.statistics(0)).total_requests, 3)
  })
})

test('a hit says that it is one, and is not weaker than what it repeats', async () => {
  await withGateway({}, async ({ post }) => {
    await post('/api/v1/chat', { prompt: 'again' })
    const reply = await post('/api/v1/chat', { prompt: 'again' })
    assert.equal(reply.json().cached, true)
    assert.match(reply.json().routing.reasoning, /parrot had answered the same before: from the cache$/)
    assert.deepEqual([reply.json().routing.degraded, reply.headers['x-hybrid-degraded']], [false, 'false'])
  })
})

test('what was spent and saved adds up', async () => {
  const config = { models: { parrot: { provider: 'echo', id: 'x', price: paid } } }
  await withGateway({ config }, async ({ house }) => {
    for (const id of ['a', 'b', 'c']) await endOf(house.answer({ ...ask('one two'), id }, quiet()))
    const { total_requests, total_cost, savings, cache, by_model } = await house.account.statistics(0)
    assert.equal(total_requests, 3)
    assert.equal(total_cost, 6e-6)
    assert.deepEqual([cache.hits, cache.misses], [2, 1])
    assert.equal(by_model.parrot?.requests, 3)
    assert.deepEqual(savings, {
      baseline_model: 'baseline',
      baseline_cost: 108e-6,
      saved: 102e-6,
      saved_percent: 94.44,
    })
  })
})

async function withGateway(
  options: TestGatewayOptions,
  body: (gateway: Awaited<ReturnType<typeof openTestGateway>>) => Promise<void>,
): Promise<void> {
  const gateway = await openTestGateway(options)
  try {
    await body(gateway)
  } finally {
    await gateway.close()
  }
}

async function endOf(parts: AsyncIterable<AnswerPart>) {
  let last: AnswerPart | undefined
  for await (const part of parts) last = part
  assert.ok(last?.type === 'end')
  return last
}

function message(text: string) {
  return { role: 'user' as const, content: [{ type: 'text' as const, text }] }
}

function ask(text: string): ChatRequest {
  return { id: text, dialect: 'native', model: 'auto', messages: [message(text)], stream: false, caching: 'use' }
}

function quiet(): AbortSignal {
  return new AbortController().signal
}
