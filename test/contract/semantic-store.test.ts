import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { CachedReply } from '../../src/cache/exact-cache.ts'
import { noUsage } from '../../src/core/usage.ts'
import { Engine } from '../../src/embedder/engine.ts'
import { embeddedStore } from '../../src/semantic-cache/embedded.ts'
import { qdrantStore } from '../../src/semantic-cache/qdrant.ts'
import type { SemanticStore } from '../../src/semantic-cache/store.ts'
import { type QdrantStandIn, startQdrantStandIn } from '../fixtures/stand-ins/qdrant.ts'

const reply: CachedReply = {
  model: 'm',
  provider: 'p',
  backend: 'local',
  choices: [{ content: [{ type: 'text', text: 'Paris' }], reason: 'stop' }],
  warnings: [],
  usage: noUsage,
  estimated: false,
}
/** A unit vector at an angle, in radians, from the first axis. */
const at = (angle: number) => Float32Array.from([Math.cos(angle), Math.sin(angle), 0, 0])

for (const name of ['embedded', 'qdrant'] as const) {
  describe(`semantic store: ${name}`, () => {
    let engine: Engine | undefined
    let server: QdrantStandIn | undefined
    let store: SemanticStore
    let now = Date.now()
    before(async () => {
      if (name === 'embedded') {
        engine = await Engine.open({ mostVectors: 3 })
        store = embeddedStore(engine, 1000, () => now)
        return
      }
      server = await startQdrantStandIn({ apiKey: 'k' })
      store = await qdrantStore({ ...options(server.url), now: () => now })
    })
    after(async () => {
      await store.close()
      await engine?.close()
      await server?.close()
    })
    const put = async (text: string, angle: number, partition: string, seconds = 60) => {
      const id = randomUUID()
      await store.put({ id, text, reply, partition, vector: at(angle), endsAt: now + seconds * 1000 })
      return id
    }

    test('the nearest of a partition come first, with their answers', async () => {
      const [near, far] = [await put('near', 0.1, 'a'), await put('far', 1, 'a')]
      await put('other', 0, 'b')
      const found = await store.find('a', at(0), 5)
      assert.deepEqual(
        found?.map(({ id, text }) => [id, text]),
        [
          [near, 'near'],
          [far, 'far'],
        ],
      )
      assert.ok(Math.abs((found?.[0]?.score ?? 0) - Math.cos(0.1)) < 1e-4)
      assert.deepEqual(found?.[0]?.reply, reply)
      assert.deepEqual(await store.find('nobody’s', at(0), 5), [])
    })

    test('what is too old is not found, and what was removed is gone', async () => {
      const id = await put('gone', 0, 'c')
      assert.equal(await store.remove(id), true)
      await put('old', 0, 'c', 1)
      now += 2000
      assert.deepEqual(await store.find('c', at(0), 5), [])
    })

    if (name === 'embedded') {
      test('no more are kept than there may be, those used longest ago are forgotten', async () => {
        const ids = [await put('1', 0, 'd'), await put('2', 0.1, 'd'), await put('3', 0.2, 'd')]
        store.used(ids[0] ?? '')
        await put('4', 0.3, 'd')
        const found = await store.find('d', at(0), 5)
        assert.deepEqual(found?.map(({ text }) => text).sort(), ['1', '3', '4'])
      })
    }

    if (name === 'qdrant') {
      test('the collection has its version in its name, an alias points to it, and older ones go', async () => {
        const old = await startQdrantStandIn({ apiKey: 'k' })
        ;(old.collections as Map<string, unknown>).set('h-semantic-cache-v0-4', {
          size: 4,
          points: new Map(),
          indexed: new Set(),
        })
        const opened = await qdrantStore(options(old.url))
        assert.deepEqual([...old.collections.keys()], ['h-semantic-cache-v1-4'])
        assert.equal(old.aliases.get('h-semantic-cache'), 'h-semantic-cache-v1-4')
        assert.deepEqual([...(old.collections.get('h-semantic-cache-v1-4')?.indexed ?? [])], ['partition', 'ends_at'])
        ;(old.collections as Map<string, unknown>).clear()
        assert.equal(await opened.find('a', at(0), 1), undefined)
        await opened.find('a', at(0), 1)
        await new Promise((resolve) => setTimeout(resolve, 50))
        assert.deepEqual(await opened.find('a', at(0), 1), [])
        await opened.close()
        await old.close()
      })

      test('the oldest are deleted when there are too many', async () => {
        const full = await startQdrantStandIn({ apiKey: 'k' })
        const opened = await qdrantStore({ ...options(full.url), most: 100 })
        for (let index = 0; index < 500; index++) {
          const endsAt = Date.now() + 60_000 + index
          await opened.put({ id: randomUUID(), text: `q${index}`, reply, partition: 'a', vector: at(0), endsAt })
        }
        assert.equal(await opened.size(), 100)
        await opened.close()
        await full.close()
      })

      test('what somebody else wrote is not found, and a wrong key or no server is no answer', async () => {
        const [collection] = [...(server?.collections.values() ?? [])]
        for (const point of collection?.points.values() ?? [])
          (point as { payload: object }).payload = { ...point.payload, reply: 'x' }
        assert.deepEqual(await store.find('a', at(0), 5), [])
        const told: string[] = []
        const strange = await qdrantStore({ ...options('http://127.0.0.1:1'), say: (_, words) => told.push(words) })
        for (let index = 0; index < 5; index++) assert.equal(await strange.find('a', at(0), 1), undefined)
        await strange.put({ id: randomUUID(), text: '', reply, partition: 'a', vector: at(0), endsAt: now + 1 })
        assert.ok(told.length <= 1)
        await strange.close()
      })
    }
  })
}

function options(url: string) {
  return { url, apiKey: 'k', deadlineMs: 1000, size: 4, most: 10_000, prefix: 'h-', say: () => {} }
}
