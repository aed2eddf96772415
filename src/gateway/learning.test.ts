import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Label } from '../core/evidence.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import type { LabelStore } from '../stores/store.ts'
import { openLearning } from './learning.ts'

const cell = { task: 'code', length: 'short', language: 'en', turn: 'first' } as const
const label = (id: string, more: Partial<Label> = {}): Label => ({
  id,
  at: 1000,
  model: 'a',
  source: 'feedback',
  good: 1,
  weight: 1,
  requestId: 'r',
  client: 'me',
  cell,
  difficulty: 0,
  sketch: [],
  ...more,
})

/** Learning over a store in memory; nothing is looked at but when a test asks for it. */
async function open(context: TestContext, change: (labels: LabelStore) => Partial<LabelStore> = () => ({})) {
  const store = await openMemoryLedger()
  const said: string[] = []
  const learning = await openLearning({
    labels: { ...store.labels, ...change(store.labels) },
    models: [],
    halfLifeDays: 60,
    maxLabels: 100,
    lookSeconds: 86_400,
    say: (message) => said.push(message),
  })
  context.after(async () => {
    await learning.close()
    await store.close()
  })
  const known = () => Math.round(learning.evidence.rows(0.9).find(({ model }) => model === 'a')?.n ?? 0)
  const stored = async () => (await store.labels.all()).map(({ id }) => id)
  return { learning, labels: store.labels, known, stored, said }
}

describe('learning', () => {
  test('a label counts at once, and is written soon', async (context) => {
    const { learning, known, stored } = await open(context)
    learning.learn(label('1'))
    learning.learn(label('2'))
    assert.equal(known(), 2)
    await learning.settle()
    assert.deepEqual(await stored(), ['1', '2'])
    assert.equal(known(), 2)
  })

  test('what another process learned, and a roll-back, are seen at the next look', async (context) => {
    const { learning, labels, known } = await open(context)
    learning.learn(label('1'))
    await learning.settle()
    const { number } = await labels.saveVersion('one')
    await labels.add([label('2'), label('3')], 100)
    learning.learn(label('4'))
    await learning.settle()
    assert.equal(known(), 4)
    await labels.rollBack(number)
    await learning.settle()
    assert.equal(known(), 1)
  })

  test('what comes while the labels are read anew is not forgotten', async (context) => {
    let during = () => {}
    const { learning, labels, known, stored } = await open(context, (inner) => ({
      async all() {
        const all = await inner.all()
        during()
        return all
      },
    }))
    await labels.add([label('theirs')], 100)
    during = () => {
      during = () => {}
      learning.learn(label('mine'))
    }
    await learning.settle()
    assert.equal(known(), 2)
    await learning.settle()
    assert.deepEqual(await stored(), ['theirs', 'mine'])
    assert.equal(known(), 2)
  })

  test('what cannot be written waits, and that is said once', async (context) => {
    let full = true
    const { learning, known, stored, said } = await open(context, (inner) => ({
      add: (labels, keep) => (full ? Promise.reject(new Error('disk full')) : inner.add(labels, keep)),
    }))
    learning.learn(label('1'))
    await learning.settle()
    learning.learn(label('2'))
    await learning.settle()
    assert.deepEqual(said, ['the evidence cannot be written: disk full'])
    assert.equal(known(), 2)
    full = false
    await learning.settle()
    assert.deepEqual(await stored(), ['1', '2'])
    assert.equal(known(), 2)
  })
})
