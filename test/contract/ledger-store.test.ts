import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { ApiKey, AuditEntry } from '../../src/core/api-key.ts'
import type { Label } from '../../src/core/evidence.ts'
import type { Receipt } from '../../src/core/receipt.ts'
import { ledgerDrivers } from '../../src/stores/index.ts'
import type { LedgerStore, RowList } from '../../src/stores/store.ts'
import { usageOf } from '../../src/stores/usage.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { attempt, receipt } from '../fixtures/receipt.ts'

for (const { name, where, open } of ledgerDrivers) {
  describe(`ledger store: ${name}`, () => {
    let server: PostgresServer | undefined
    before(async () => {
      if (where === 'server') server = await startPostgres()
    })
    after(() => server?.stop())

    const withStore = async (body: (store: LedgerStore, place: string) => Promise<void>) => {
      const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
      const place = (await server?.createDatabase()) ?? join(folder, 'ledger.sqlite')
      const store = await open(place)
      try {
        await body(store, place)
      } finally {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      }
    }

    test('a row comes back as it was written', () =>
      withStore(async (store) => {
        const full: Receipt = receipt({
          id: 'full',
          cost: 123_456_789,
          firstContentMs: 12,
          usage: { input: 1, cacheRead: 2, cacheWrite: 3, cacheWriteHour: 4, output: 5, reasoning: 6 },
          factors: [{ name: 'length', points: 0.1, phrase: 'short “prompt”' }],
          attempts: [attempt({ outcome: 'failed', error: 'internal', cost: undefined }), attempt({ model: 'b' })],
        })
        const bare: Receipt = receipt({ id: 'bare', cost: undefined, firstContentMs: undefined, backend: '' })
        await store.write([full, bare])
        assert.deepEqual(await store.find('full'), full)
        assert.deepEqual(await store.find('bare'), bare)
        assert.equal(await store.find('none'), undefined)
      }))

    test('what the router knew and thought comes back, and who asked', () =>
      withStore(async (store) => {
        const profile = {
          cell: { task: 'fact', length: 'short', language: 'en', turn: 'first' },
          certainty: 0.9,
          parts: ['chat'],
          difficulty: -0.25,
          familiarity: 0.5,
          sketch: [0.1, 1],
        } as const
        const chance = {
          p: 0.5,
          low: 0.4,
          high: 0.6,
          n: 12,
          level: 'task',
          model: 'a',
          estimatedCost: undefined,
        } as const
        const judgement = {
          check: { findings: [], partial: true, confidence: { mean: -0.1, lowestWindow: -1, lowest: -2, tokens: 9 } },
          p: 0.3,
          threshold: 0.8,
          verdict: 'escalated',
          reason: 'weak',
        } as const
        const full: Receipt = receipt({
          id: 'full',
          caller: 'digest',
          assessment: { profile, chances: [chance], rule: 'quality', strong: 'b', allowance: 0.1 },
          attempts: [attempt({ outcome: 'escalated', judgement })],
        })
        await store.write([full])
        assert.deepEqual(await store.find('full'), full)
      }))

    test('what was spent since a time, by caller', () =>
      withStore(async (store) => {
        await store.write([
          receipt({ id: 'a', caller: 'x', cost: 5, startedAt: 100 }),
          receipt({ id: 'b', caller: 'x', cost: 7, startedAt: 200 }),
          receipt({ id: 'c', cost: 11, startedAt: 200 }),
          receipt({ id: 'd', caller: 'y', cost: undefined, startedAt: 200 }),
        ])
        const spent = await store.spent(150)
        assert.deepEqual([spent.get('x'), spent.get('y'), spent.get('')], [7, 0, 18])
      }))

    test('what the gateway asks by itself costs, and is nobody’s request', () =>
      withStore(async (store) => {
        await store.write([receipt({ id: 'a', cost: 5 }), receipt({ id: 'b', dialect: 'judge', cost: 7 })])
        const groups = (await store.stats(0)).groups
        assert.deepEqual([groups[0]?.requests, groups[0]?.cost], [1, 12])
      }))

    describe('labels', () => {
      const label = (id: string, more: Partial<Label> = {}): Label => ({
        id,
        at: 1000,
        model: 'a',
        source: 'feedback',
        good: 1,
        weight: 0.5,
        requestId: 'r',
        client: 'me',
        cell: { task: 'code', length: 'long', language: 'de', turn: 'tool' },
        difficulty: 0.5,
        sketch: [1, 2],
        strong: { model: 'b', good: 0 },
        ...more,
      })
      const idsOf = async ({ labels }: LedgerStore) => (await labels.all()).map(({ id }) => id)

      test('come back as they were, in their order; the same one replaces itself', () =>
        withStore(async ({ labels }) => {
          await labels.add([label('1'), label('2')], 100)
          await labels.add([label('1', { good: 0 })], 100)
          assert.deepEqual(await labels.all(), [label('2'), label('1', { good: 0 })])
        }))

      test('the newest of each model are kept', () =>
        withStore(async (store) => {
          await store.labels.add([label('1'), label('2'), label('3'), label('other', { model: 'b' })], 2)
          assert.deepEqual(await idsOf(store), ['2', '3', 'other'])
        }))

      test('are counted by caller and time', () =>
        withStore(async ({ labels }) => {
          await labels.add([label('1', { at: 10 }), label('2', { at: 20 }), label('3', { client: 'you' })], 100)
          assert.deepEqual(
            [await labels.given('me', 15), await labels.given('you', 0), await labels.given('', 0)],
            [1, 1, 0],
          )
        }))

      test('what the gateway judged by itself is nobody’s judgement', () =>
        withStore(async ({ labels }) => {
          const own = [label('1', { source: 'calibration', client: '' }), label('2', { source: 'shadow' })]
          await labels.add([...own, label('3', { source: 'validator' }), label('4', { source: 'regenerated' })], 100)
          assert.deepEqual([await labels.given('', 0), await labels.given('me', 0)], [0, 2])
        }))

      test('what is there already counts once, and an older word does not replace a newer one', () =>
        withStore(async ({ labels }) => {
          assert.equal(await labels.add([label('1', { at: 5 }), label('2')], 100), 2)
          const before = await labels.changes()
          assert.equal(await labels.add([label('1', { at: 5 }), label('1', { at: 4, good: 0 })], 100), 0)
          assert.equal(await labels.changes(), before)
          assert.deepEqual(await labels.all(), [label('1', { at: 5 }), label('2')])
          assert.equal(await labels.add([label('1', { at: 6, good: 0 }), label('3')], 100), 2)
          assert.equal(await labels.changes(), before + 2)
        }))

      test('can be gone back from, and forward again; every change shows', () =>
        withStore(async (store) => {
          const { labels } = store
          const seen = new Set<number>()
          const changed = async () => {
            const now = await labels.changes()
            assert.ok(!seen.has(now), String(now))
            seen.add(now)
          }
          await changed()
          await labels.add([label('1')], 100)
          await changed()
          const first = await labels.saveVersion('one')
          await labels.add([label('2'), label('3')], 100)
          await changed()
          const second = await labels.saveVersion('three')
          assert.equal(await labels.rollBack(first.number), true)
          assert.deepEqual(await idsOf(store), ['1'])
          await changed()
          await labels.rollBack(second.number)
          assert.deepEqual(await idsOf(store), ['1', '2', '3'])
          assert.equal(await labels.rollBack(99), false)
          assert.deepEqual(
            (await labels.versions()).map(({ number, note, labels: count }) => [number, note, count]),
            [
              [1, 'one', 1],
              [2, 'three', 3],
            ],
          )
        }))

      test('judged again after a version, going back brings the first judgement', () =>
        withStore(async (store) => {
          const { labels } = store
          await labels.add([label('1'), label('2')], 100)
          const { number } = await labels.saveVersion('before')
          const again = [label('1', { good: 0 }), label('2')]
          await labels.add(again, 100)
          await labels.add([label('1', { good: 0.5 })], 100)
          const later = await labels.saveVersion('after')
          await labels.rollBack(number)
          assert.deepEqual(await labels.all(), [label('1'), label('2')])
          await labels.rollBack(later.number)
          assert.deepEqual(await labels.all(), [label('2'), label('1', { good: 0.5 })])
        }))

      test('a version that was kept after going back holds nothing of what was left behind', () =>
        withStore(async (store) => {
          const { labels } = store
          await labels.add([label('1')], 100)
          const first = await labels.saveVersion('first')
          await labels.add([label('poison')], 100)
          await labels.rollBack(first.number)
          await labels.add([label('2')], 100)
          const second = await labels.saveVersion('second')
          assert.equal(second.labels, 2)
          await labels.add([label('3')], 100)
          const before = await labels.changes()
          await labels.rollBack(second.number)
          assert.deepEqual(await idsOf(store), ['1', '2'])
          assert.notEqual(await labels.changes(), before)
          await labels.add([label('poison', { good: 0 })], 100)
          assert.deepEqual((await labels.all()).at(-1), label('poison', { good: 0 }))
          assert.deepEqual(
            (await labels.versions()).map(({ labels: count }) => count),
            [1, 2],
          )
        }))
    })

    describe('sums by hour', () => {
      const hour = 3_600_000
      const models = fc.constantFrom('a', 'b')
      const attempts = fc.array(
        fc.record({
          model: models,
          backend: fc.constantFrom('local', 'cloud'),
          cost: fc.option(fc.nat(1000)),
          input: fc.nat(9),
        }),
        { maxLength: 3 },
      )
      const rows = fc.array(
        fc.record({
          id: fc.constantFrom('1', '2', '3', '4', '5', '6'),
          status: fc.constantFrom('open', 'answered', 'failed', 'cancelled'),
          dialect: fc.constantFrom('native', 'openai', 'judge', 'shadow', 'cache-check'),
          cache: fc.constantFrom('hit', 'semantic', 'coalesced', 'miss', 'bypass'),
          startedAt: fc.nat(4 * hour),
          model: models,
          caller: fc.constantFrom('', 'x', 'y'),
          cost: fc.option(fc.nat(1000)),
          baselineCost: fc.nat(1000),
          attempts,
        }),
        { minLength: 1, maxLength: 12 },
      )
      // The beginning of an hour and of a day, and between.
      const times = fc.oneof(
        fc.nat(70 * hour),
        fc.nat(70).map((count) => count * hour),
        fc.nat(3).map((count) => count * 24 * hour),
      )
      type Drawn = typeof rows extends fc.Arbitrary<readonly (infer Row)[]> ? Row : never
      const receiptOf = ({ cost, caller, attempts: calls, ...row }: Drawn, startedAt: number): Receipt =>
        receipt({
          ...row,
          startedAt,
          rowId: row.id,
          cost: cost ?? undefined,
          ...(caller !== '' && { caller }),
          attempts: calls.map(({ cost: paid, input, ...call }) =>
            attempt({
              ...call,
              backend: call.backend as 'local',
              cost: paid ?? undefined,
              usage: { input, cacheRead: 1, cacheWrite: 0, cacheWriteHour: 0, output: 2, reasoning: 1 },
            }),
          ),
        } as Partial<Receipt>)

      test('are those of the rows, however these come, replace each other and are asked for', () =>
        withStore(async (store) => {
          const known = new Map<string, Receipt>()
          const run = fc.asyncProperty(fc.array(rows, { maxLength: 4 }), times, async (batches, since) => {
            for (const batch of batches) {
              // A row keeps the time at which it was opened.
              const receipts = batch.map((row) =>
                receiptOf(row, known.get(row.id)?.startedAt ?? Number(row.id) * 2_000_000),
              )
              await store.write(receipts)
              for (const one of receipts) {
                const before = known.get(one.rowId)
                if (one.status !== 'open' || before === undefined || before.status === 'open') known.set(one.rowId, one)
              }
            }
            const inside = [...known.values()].filter(({ startedAt }) => startedAt >= since)
            const { groups } = await store.stats(since)
            const wanted = usageOf(inside)
            const sum = (list: readonly { readonly model: string; readonly cost: number }[], model: string) =>
              list.filter((one) => one.model === model).reduce((total, { cost }) => total + cost, 0)
            for (const model of ['a', 'b']) assert.equal(sum(groups, model), sum(wanted, model))
            for (const field of [
              'requests',
              'failed',
              'inputTokens',
              'outputTokens',
              'unpriced',
              'baselineCost',
              'cacheHits',
              'cacheMisses',
            ] as const) {
              const all = (list: readonly Readonly<Record<typeof field, number>>[]) =>
                list.reduce((total, one) => total + one[field], 0)
              assert.equal(all(groups), all(wanted), field)
            }
            const spent = await store.spent(since)
            const paid = inside.reduce((total, { status, cost, attempts: calls }) => {
              const closed = calls.length > 1 ? calls.reduce((sum, call) => sum + (call.cost ?? 0), 0) : (cost ?? 0)
              return total + (status === 'open' ? (cost ?? 0) : closed)
            }, 0)
            assert.equal(spent.get(''), paid)
            for (const row of known.values()) {
              assert.equal(await store.checkUsage(Math.floor(row.startedAt / hour)), true)
            }
          })
          await fc.assert(run, { numRuns: 25, seed: 7 })
        }))

      test('stay when their rows are deleted', () =>
        withStore(async (store) => {
          const old = Array.from({ length: 5 }, (_, index) =>
            receipt({ id: `old ${index}`, startedAt: index, cost: 3 }),
          )
          const young = Array.from({ length: 5 }, (_, index) =>
            receipt({ id: `young ${index}`, startedAt: 9 * hour + index }),
          )
          await store.write([...old, ...young, receipt({ id: 'open', status: 'open', startedAt: 1 })])
          assert.equal(await store.prune({ before: hour, keep: 1000, limit: 3 }), 3)
          assert.equal(await store.prune({ before: hour, keep: 1000, limit: 3 }), 2)
          assert.equal(await store.prune({ before: hour, keep: 1000, limit: 3 }), 0)
          assert.equal((await store.stats(0)).groups[0]?.requests, 10)
          assert.equal((await store.spent(0)).get(''), 15)
          assert.notEqual(await store.find('open'), undefined)
          assert.equal(await store.find('old 0'), undefined)
        }))

      test('tell how many rows there are, so that only the newest are kept', () =>
        withStore(async (store) => {
          const inHour = (at: number) =>
            Array.from({ length: 10 }, (_, index) => receipt({ id: `${at} ${index}`, startedAt: at * hour + index }))
          await store.write([1, 2, 3].flatMap(inHour))
          assert.equal(await store.prune({ before: 0, keep: 25, limit: 1000 }), 10)
          assert.deepEqual((await store.page({ limit: 100 })).length, 20)
        }))
    })

    test('rows come page by page, in their order, each once', () =>
      withStore(async (store) => {
        const all = Array.from({ length: 25 }, (_, index) => receipt({ id: String(100 + index), startedAt: index % 3 }))
        await store.write(all)
        const seen: string[] = []
        for (let after: Receipt | undefined; ; ) {
          const page = await store.page({ limit: 4, since: 1, ...(after !== undefined && { after }) })
          if (page.length === 0) break
          seen.push(...page.map(({ id }) => id))
          after = page.at(-1)
        }
        const wanted = all
          .filter(({ startedAt }) => startedAt >= 1)
          .sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1))
        assert.deepEqual(
          seen,
          wanted.map(({ id }) => id),
        )
        assert.equal((await store.page({ limit: 100, until: 1 })).length, 9)
      }))

    test('the newest come page by page, those that are wanted, and no page reads more than it may', () =>
      withStore(async (store) => {
        const all = Array.from({ length: 60 }, (_, index) =>
          receipt({
            id: String(100 + index),
            startedAt: Math.floor(index / 3),
            model: index % 10 === 0 ? 'rare' : 'usual',
            status: index % 4 === 0 ? 'failed' : 'answered',
            ...(index % 2 === 0 && { caller: 'even' }),
          }),
        )
        await store.write(all)
        const read = async (wanted: { model?: string; status?: 'failed'; caller?: string }, lookAt: number) => {
          const ids: string[] = []
          let pages = 0
          for (let before: RowList['next']; ; pages++) {
            const { rows, next } = await store.list({ ...wanted, limit: 4, lookAt, ...(before && { before }) })
            ids.push(...rows.map(({ id }) => id))
            if (next === undefined) return { ids, pages }
            before = next
          }
        }
        const newest = all.toReversed()
        const idsOf = (rows: readonly Receipt[]) => rows.map(({ id }) => id)
        assert.deepEqual((await read({}, 1000)).ids, idsOf(newest))
        const rare = newest.filter(({ model }) => model === 'rare')
        assert.deepEqual((await read({ model: 'rare' }, 1000)).ids, idsOf(rare))
        assert.deepEqual(await read({ model: 'rare' }, 7), { ids: idsOf(rare), pages: 8 })
        assert.deepEqual(await read({ model: 'none' }, 20), { ids: [], pages: 3 })
        const both = newest.filter(({ status, caller }) => status === 'failed' && caller === 'even')
        assert.deepEqual((await read({ status: 'failed', caller: 'even' }, 10)).ids, idsOf(both))
        assert.deepEqual((await read({ caller: "' OR 1=1 --" }, 1000)).ids, [])
      }))

    test('rows are written anew only where they are, and closed', () =>
      withStore(async (store) => {
        await store.write([receipt({ id: 'a', cost: 5 }), receipt({ id: 'open', status: 'open', cost: 1 })])
        const anew = ['a', 'open', 'deleted'].map((id) => receipt({ id, cost: 7 }))
        assert.equal(await store.replace(anew), 1)
        assert.equal(await store.replace(anew), 1)
        assert.deepEqual(
          [(await store.find('a'))?.cost, (await store.find('open'))?.status, await store.find('deleted')],
          [7, 'open', undefined],
        )
        assert.deepEqual([(await store.stats(0)).groups[0]?.cost, (await store.stats(0)).groups[0]?.requests], [7, 1])
      }))

    test('a row that comes late and open does not undo one that is closed', () =>
      withStore(async (store) => {
        await store.write([receipt({ id: 'a', status: 'answered', cost: 5 })])
        await store.write([receipt({ id: 'a', status: 'open', cost: 1 })])
        assert.equal((await store.find('a'))?.status, 'answered')
        assert.equal((await store.stats(0)).groups[0]?.cost, 5)
      }))

    test('text of every kind comes back, but for the zero character', () =>
      withStore(async (store) => {
        const reasoning = '“quotes” \\ \n \u{1F600} \x1b[31m'
        await store.write([receipt({ id: 'a', reasoning }), receipt({ id: 'b', reasoning: 'a\0b' })])
        assert.equal((await store.find('a'))?.reasoning, reasoning)
        assert.match((await store.find('b'))?.reasoning ?? '', /^a.b$/s)
      }))

    test('keys: replaced by id, in their order, every change shows', () =>
      withStore(async ({ keys }) => {
        const key = (id: string, createdAt: number): ApiKey => ({
          id,
          name: id,
          team: '',
          scopes: ['chat'],
          hash: { salt: 's', digest: 'd' },
          labels: { a: 'b' },
          createdAt,
        })
        const before = await keys.changes()
        await keys.put(key('b', 1))
        await keys.put(key('a', 2))
        await keys.put({ ...key('b', 1), revokedAt: 5 })
        assert.equal(await keys.changes(), before + 3)
        assert.deepEqual(await keys.all(), [{ ...key('b', 1), revokedAt: 5 }, key('a', 2)])
        await keys.used(
          new Map([
            ['a', 100],
            ['nobody', 7],
          ]),
        )
        await keys.used(new Map([['a', 50]]))
        await keys.put({ ...key('a', 2), name: 'other' })
        assert.deepEqual((await keys.all()).at(-1), { ...key('a', 2), name: 'other', lastUsedAt: 100 })
        assert.equal(await keys.changes(), before + 4)
      }))

    test('the audit log, newest first', () =>
      withStore(async ({ audit }) => {
        const entry = (at: number): AuditEntry => ({
          at,
          actor: 'a',
          actorName: 'A',
          action: 'x',
          target: 't',
          address: '',
          details: ['d'],
        })
        for (const at of [1, 2, 3]) await audit.append(entry(at))
        assert.deepEqual(await audit.recent(2), [entry(3), entry(2)])
      }))

    test('the row of a request that is closed replaces the one that was opened', () =>
      withStore(async (store) => {
        await store.write([receipt({ id: 'a', status: 'open' })])
        assert.deepEqual((await store.stats(0)).groups, [])
        await store.write([receipt({ id: 'a', status: 'answered' })])
        assert.equal((await store.stats(0)).groups[0]?.requests, 1)
      }))

    test('sums by model, within a window', () =>
      withStore(async (store) => {
        await store.write([
          receipt({ id: 'a', model: 'x', startedAt: 1000, cost: 5, baselineCost: 50 }),
          receipt({ id: 'b', model: 'x', startedAt: 2000, cost: 7, baselineCost: 70, cache: 'hit', attempts: [] }),
          receipt({ id: 'c', model: 'x', startedAt: 3000, cost: undefined, baselineCost: 900, status: 'failed' }),
          receipt({ id: 'd', model: 'y', startedAt: 3000, cost: 11, backend: 'cloud' }),
        ])
        const { groups, since } = await store.stats(0)
        assert.equal(since, 1000)
        const x = groups.find(({ model }) => model === 'x')
        assert.deepEqual(x, {
          model: 'x',
          backend: 'local',
          requests: 3,
          failed: 1,
          // The hit used none; what the unpriced one saved is not known.
          inputTokens: 20,
          outputTokens: 10,
          cost: 12,
          unpriced: 1,
          baselineCost: 120,
          cacheHits: 1,
          cacheMisses: 2,
        })
        const later = await store.stats(2500)
        assert.deepEqual(later.groups.map(({ model, requests }) => [model, requests]).sort(), [
          ['x', 1],
          ['y', 1],
        ])
        assert.equal(later.since, 3000)
      }))

    test('money and tokens belong to the model that was called, the request to the one that answered', () =>
      withStore(async (store) => {
        const usage = { input: 5000, cacheRead: 100, cacheWrite: 10, cacheWriteHour: 1, output: 7, reasoning: 2 }
        await store.write([
          receipt({
            id: 'a',
            model: 'cheap',
            cost: 50,
            attempts: [
              attempt({ model: 'dear', backend: 'cloud', outcome: 'failed', cost: 50, usage }),
              attempt({ model: 'cheap' }),
            ],
          }),
        ])
        const { groups } = await store.stats(0)
        const of = (name: string) => groups.find(({ model }) => model === name)
        assert.deepEqual(
          [of('dear')?.requests, of('dear')?.cost, of('dear')?.inputTokens, of('dear')?.outputTokens],
          [0, 50, 5111, 9],
        )
        assert.deepEqual(
          [of('cheap')?.requests, of('cheap')?.cost, of('cheap')?.inputTokens, of('cheap')?.outputTokens],
          [1, 0, 10, 5],
        )
      }))

    test('two requests of the same id are two rows; the newest is found', () =>
      withStore(async (store) => {
        const same = (rowId: string, startedAt: number) => receipt({ id: 'same', rowId, startedAt })
        await store.write([same('x', 1), same('y', 2)])
        assert.equal((await store.stats(0)).groups[0]?.requests, 2)
        assert.equal((await store.find('same'))?.rowId, 'y')
      }))

    test('an empty ledger has no groups', () =>
      withStore(async (store) => {
        assert.deepEqual((await store.stats(0)).groups, [])
      }))

    test('newest first', () =>
      withStore(async (store) => {
        await store.write([1, 2, 3].map((number) => receipt({ id: String(number), startedAt: number })))
        assert.deepEqual(
          (await store.recent(2)).map(({ id }) => id),
          ['3', '2'],
        )
      }))

    test('hostile text is only text', () =>
      withStore(async (store) => {
        const id = "'); DROP TABLE requests; --"
        await store.write([receipt({ id, reasoning: '\ud83d\ude00"\n' })])
        assert.equal((await store.find(id))?.reasoning, '\ud83d\ude00"\n')
      }))

    test('all rows of a batch are written, or none', () =>
      withStore(async (store) => {
        const broken = { ...receipt({ id: 'broken' }), startedAt: 'x' as unknown as number }
        await assert.rejects(store.write([receipt({ id: 'good' }), broken]))
        assert.equal(await store.find('good'), undefined)
        await store.write([receipt({ id: 'good' })])
        assert.equal((await store.find('good'))?.id, 'good')
      }))

    test('a row that this process has open is no orphan', () =>
      withStore(async (store) => {
        await store.write([receipt({ id: 'a', status: 'open' })])
        assert.equal(await store.closeOrphans(), 0)
        assert.equal((await store.find('a'))?.status, 'open')
      }))

    // Nobody else can open what is in memory.
    if (where !== 'memory') {
      test('what a gateway left open that is gone was interrupted', () =>
        withStore(async (store, place) => {
          const gone = await open(place)
          await gone.write([receipt({ id: 'a', status: 'open', cost: 3 })])
          await gone.close()
          assert.equal(await store.closeOrphans(), 1)
          const row = await store.find('a')
          assert.deepEqual([row?.status, row?.estimated, (await store.spent(0)).get('')], ['interrupted', true, 3])
          assert.equal(await store.closeOrphans(), 0)
        }))
    }
  })
}
