import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { attempt, receipt } from '../../test/fixtures/receipt.ts'
import type { Assessment, Judgement } from '../core/decision.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import type { Receipt } from '../core/receipt.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import { type Feedback, giveFeedback } from './feedback.ts'

const assessment: Assessment = {
  profile: {
    cell: { task: 'code', length: 'short', language: 'en', turn: 'first' },
    certainty: 0.9,
    parts: [],
    difficulty: 0.4,
    familiarity: 1,
    sketch: [1, 2],
  },
  chances: [],
  rule: 'quality',
}
const judgement: Judgement = {
  check: { findings: [], partial: false },
  p: 0.9,
  threshold: 0.8,
  verdict: 'shipped',
  reason: 'fine',
}
const now = 1_700_000_000_000
const dayMs = 86_400_000

/** What each of the words does to the labels, one after the other. */
async function give(words: readonly Partial<Feedback>[], row: Partial<Receipt> = {}, perDay = 200) {
  const store = await openMemoryLedger()
  try {
    await store.write([receipt({ id: 'r', caller: 'me', assessment, attempts: [attempt({ judgement })], ...row })])
    const told: Label[] = []
    for (const word of words) {
      const rooms = { find: store.find, given: store.labels.given, perDay, now: () => now }
      const feedback = { requestId: 'r', verdict: 'good', from: 'user', caller: 'me', ...word } as const
      const label = await giveFeedback(feedback, { ...rooms, learn: (label) => label })
      await store.labels.add([label], 100)
      told.push(label)
    }
    return { told, labels: await store.labels.all() }
  } finally {
    await store.close()
  }
}

describe('feedback', () => {
  test('becomes a label of the reply', async () => {
    const { labels } = await give([{ verdict: 'good' }])
    assert.deepEqual(labels, [
      {
        id: 'feedback:r',
        at: now,
        model: 'parrot',
        source: 'feedback',
        good: 1,
        weight: 1,
        requestId: 'r',
        client: 'me',
        cell: assessment.profile.cell,
        difficulty: 0.4,
        sketch: [1, 2],
        check: judgement.check,
      },
    ])
  })

  const kinds: readonly [word: Partial<Feedback>, source: string, good: number, weight: number][] = [
    [{ verdict: 'bad' }, 'feedback', 0, 1],
    [{ verdict: 'regenerated' }, 'regenerated', 0, 0.5],
    [{ verdict: 'bad', from: 'validator' }, 'validator', 0, 1],
    [{ verdict: 'good', from: 'validator' }, 'validator', 1, 1],
  ]
  for (const [word, source, good, weight] of kinds) {
    test(`${word.verdict}${word.from === undefined ? '' : ` from a ${word.from}`} counts ${weight}`, async () => {
      const { told } = await give([word])
      assert.deepEqual([told[0]?.source, told[0]?.good, told[0]?.weight], [source, good, weight])
    })
  }

  test('counts half where there are no keys', async () => {
    const { told } = await give([{ caller: '' }], { caller: '' })
    assert.equal(told[0]?.weight, 0.5)
  })

  test('a later word on the same reply replaces the earlier one', async () => {
    const { labels } = await give([{ verdict: 'good' }, { verdict: 'bad' }, { verdict: 'bad' }])
    assert.deepEqual(
      labels.map(({ good }) => good),
      [0],
    )
  })

  test('belongs to the model whose reply the client got', async () => {
    const weak: Judgement = { ...judgement, verdict: 'escalated', p: 0.2 }
    const local = attempt({ model: 'small', outcome: 'escalated', judgement: weak })
    const passedOn = await give([{}], { attempts: [local, attempt({ model: 'large' })] })
    assert.equal(passedOn.told[0]?.model, 'large')
    assert.equal(passedOn.told[0]?.check, undefined)
    const allTheSame = await give([{}], { attempts: [local, attempt({ model: 'large', outcome: 'failed' })] })
    assert.equal(allTheSame.told[0]?.model, 'small')
    assert.deepEqual(allTheSame.told[0]?.check, weak.check)
  })

  const refused: readonly {
    readonly name: string
    readonly word?: Partial<Feedback>
    readonly row?: Partial<Receipt>
    readonly code: ErrorCode
    readonly message: RegExp
  }[] = [
    { name: 'an unknown request', word: { requestId: 'x' }, code: 'not_found', message: /no request 'x' is in/ },
    { name: 'another key', word: { caller: 'you' }, code: 'forbidden', message: /another key/ },
    { name: 'no key for a request with one', word: { caller: '' }, code: 'forbidden', message: /another key/ },
    { name: 'a key for a request without', row: { caller: '' }, code: 'forbidden', message: /another key/ },
    { name: 'a failed one', row: { status: 'failed' }, code: 'unsupported', message: /it was not answered/ },
    { name: 'one that runs', row: { status: 'open' }, code: 'unsupported', message: /it was not answered/ },
    { name: 'one from the cache', row: { attempts: [], cache: 'hit' }, code: 'unsupported', message: /from the cache/ },
  ]
  for (const { name, word = {}, row = {}, code, message } of refused) {
    test(`${name} is refused`, () => assert.rejects(give([word], row), { code, message, field: 'request_id' }))
  }

  test('what the heuristic decided is refused', async () => {
    const store = await openMemoryLedger()
    await store.write([receipt({ id: 'r' })])
    const rooms = { find: store.find, given: store.labels.given, perDay: 1, learn: (label: Label) => label }
    const feedback = { requestId: 'r', verdict: 'good', from: 'user', caller: '' } as const
    await assert.rejects(giveFeedback(feedback, rooms), { code: 'unsupported', message: /heuristic/ })
    await store.close()
  })

  test('so many a day count of one key, and only of that key', async () => {
    const store = await openMemoryLedger()
    const ids = ['1', '2', '3', '4']
    await store.write(ids.map((id) => receipt({ id, caller: 'me', assessment, startedAt: now })))
    await store.write([receipt({ id: 'yours', caller: 'you', assessment })])
    let at = now
    const say = async (requestId: string, caller = 'me') => {
      const learn = (label: Label) => label
      const rooms = { find: store.find, given: store.labels.given, perDay: 2, now: () => at, learn }
      const label = await giveFeedback({ requestId, verdict: 'bad', from: 'user', caller }, rooms)
      await store.labels.add([label], 100)
    }
    await say('1')
    await say('2')
    await assert.rejects(say('3'), { code: 'rate_limited', message: /2 judgements a day .*feedback_per_day/ })
    await say('yours', 'you')
    at += dayMs + 1
    await say('3')
    await store.close()
  })
})
