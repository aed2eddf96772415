import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { GatewayError } from '../core/errors.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import { KeyRing } from './key-ring.ts'
import type { NewKey } from './wanted-key.ts'

const actor = { id: 'test', name: 'test', address: '' }
const wanted: NewKey = { name: 'app', team: 'red', scopes: ['chat'], labels: { ticket: '7' } }
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

describe('the key ring', async () => {
  const store = await openMemoryLedger()
  const clock = { now: 1_000_000 }
  const open = (configured: readonly string[] = [], admin?: string) =>
    KeyRing.open({
      configured,
      admin,
      store: store.keys,
      audit: store.audit,
      say: () => {},
      now: () => clock.now,
      lookMs: 1_000_000,
    })
  after(() => store.close())

  test('nothing but salt and hash of a key is stored', async () => {
    const ring = await open()
    const { text, key } = await ring.create(wanted, actor)
    const secret = text.split('_')[2] ?? ''
    assert.ok(secret.length >= 43)
    const stored = JSON.stringify(await store.keys.all())
    assert.ok(!stored.includes(secret) && stored.includes(key.hash.digest))
    assert.deepEqual(ring.holderOf(bearer(text)), { id: key.id, name: 'app', team: 'red', scopes: ['chat'] })
    await ring.close()
  })

  const wrong = (text: string) => [
    ['another secret', `${text.slice(0, -1)}${text.endsWith('x') ? 'y' : 'x'}`],
    ['another id', text.replace(/_.{12}_/, '_000000000000_')],
    ['less of it', text.slice(0, -1)],
    ['more of it', `${text}x`],
    ['other text', 'sesame'],
  ]

  test('every other text is refused in the same words', async () => {
    const ring = await open()
    const { text } = await ring.create(wanted, actor)
    for (const [name = '', other = ''] of wrong(text)) {
      assert.throws(() => ring.holderOf(bearer(other)), { message: 'the key is not one of this gateway' }, name)
    }
    assert.equal(ring.holderOf({}), undefined)
    await ring.close()
  })

  test('an expired and a revoked key are told why, and lock the door all the same', async () => {
    const ring = await open()
    const expiring = await ring.create({ ...wanted, expiresAt: clock.now + 10 }, actor)
    const revoked = await ring.create(wanted, actor)
    await ring.revoke(revoked.key.id, actor)
    clock.now += 10
    assert.throws(() => ring.holderOf(bearer(expiring.text)), /expired/)
    assert.throws(() => ring.holderOf(bearer(revoked.text)), /revoked/)
    assert.equal(ring.locked, true)
    await assert.rejects(ring.rotate(revoked.key.id, 0, actor), (error: GatewayError) => error.field === 'id')
    await ring.close()
  })

  test('a rotated key is taken beside the new one until its grace is over', async () => {
    const ring = await open()
    const first = await ring.create(wanted, actor)
    const second = await ring.rotate(first.key.id, 60, actor)
    for (const text of [first.text, second.text]) assert.equal(ring.holderOf(bearer(text))?.id, first.key.id)
    clock.now += 60_000
    assert.throws(() => ring.holderOf(bearer(first.text)))
    assert.equal(ring.holderOf(bearer(second.text))?.id, first.key.id)
    await ring.close()
  })

  test('another process sees changes at its next look', async () => {
    const [one, other] = [await open(), await open()]
    const { text, key } = await one.create(wanted, actor)
    assert.throws(() => other.holderOf(bearer(text)))
    await other.look()
    assert.equal(other.holderOf(bearer(text))?.id, key.id)
    await one.revoke(key.id, actor)
    assert.throws(() => one.holderOf(bearer(text)))
    await other.look()
    assert.throws(() => other.holderOf(bearer(text)), /revoked/)
    await Promise.all([one.close(), other.close()])
  })

  test('a key that another process made a moment ago is met when it is sent', async () => {
    const [one, other] = [await open(), await open()]
    const { text, key } = await one.create(wanted, actor)
    assert.ok(other.holdsOwn(bearer(text)) && !other.holdsOwn(bearer('sk-anything')))
    await other.meet(bearer(text))
    assert.equal(other.holderOf(bearer(text))?.id, key.id)
    const rotated = await one.rotate(key.id, 0, actor)
    await other.meet(bearer(rotated.text))
    assert.equal(other.holderOf(bearer(rotated.text))?.id, key.id)
    await Promise.all([one.close(), other.close()])
  })

  test('a store that fails leaves the known keys in force, and is told once', async () => {
    const told: string[] = []
    let broken = false
    const keys = {
      ...store.keys,
      changes: () => (broken ? Promise.reject(new Error('gone')) : store.keys.changes()),
    }
    const ring = await KeyRing.open({
      configured: [],
      admin: undefined,
      store: keys,
      audit: store.audit,
      say: (_level, message) => told.push(message),
    })
    const { text } = await ring.create(wanted, actor)
    broken = true
    await ring.look()
    await ring.look()
    assert.equal(ring.holderOf(bearer(text))?.name, 'app')
    assert.equal(told.length, 1)
    broken = false
    await ring.look()
    assert.equal(told.length, 2)
    await ring.close()
  })

  test('keys of the configuration chat, and their admin key administers', async () => {
    const ring = await open(['sesame'], 'open wide')
    assert.deepEqual(ring.holderOf(bearer('sesame'))?.scopes, ['chat', 'metrics'])
    assert.deepEqual(ring.holderOf({ 'x-api-key': 'open wide' })?.scopes, ['chat', 'admin', 'metrics'])
    assert.equal(ring.hasAdmin, true)
    await ring.close()
  })

  test('when a key was used last is known, and written when the ring is closed', async () => {
    const ring = await open()
    const { text, key } = await ring.create(wanted, actor)
    ring.holderOf(bearer(text))
    assert.equal(ring.list().find(({ id }) => id === key.id)?.lastUsedAt, clock.now)
    await ring.close()
    const [stored] = (await store.keys.all()).filter(({ id }) => id === key.id)
    assert.equal(stored?.lastUsedAt, clock.now)
  })

  test('each action stands in the audit log, with who and what, and no secret', async () => {
    const ring = await open()
    const { text, key } = await ring.create(wanted, { id: 'k1', name: 'ops', address: '10.0.0.1' })
    await ring.update(key.id, { team: 'blue' }, actor)
    await ring.rotate(key.id, 5, actor)
    await ring.revoke(key.id, actor)
    const entries = (await store.audit.recent(4)).toReversed()
    assert.deepEqual(
      entries.map(({ action, target }) => [action, target]),
      ['create', 'update', 'rotate', 'revoke'].map((name) => [`keys.${name}`, key.id]),
    )
    assert.deepEqual(entries[0], {
      at: clock.now,
      actor: 'k1',
      actorName: 'ops',
      action: 'keys.create',
      target: key.id,
      address: '10.0.0.1',
      details: ['name', 'team', 'scopes', 'labels'],
    })
    assert.ok(!JSON.stringify(entries).includes(text.split('_')[2] ?? ''))
    await ring.close()
  })
})
