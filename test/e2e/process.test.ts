import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { echoOnly, spawnGateway, temporaryFolder } from '../fixtures/process.ts'

interface Answered {
  readonly id: string
  readonly at: number
}

describe('kill -9 under load', () => {
  test('the ledger is sound, and at most the last second is missing', async () => {
    const folder = temporaryFolder()
    const gateway = await spawnGateway({ folder: folder.path })
    const answered: Answered[] = []
    const running = Array.from({ length: 20 }, () => askUntilItDies(gateway.url, answered))

    while (answered.length < 400 || answered[0] === undefined || performance.now() - answered[0].at < 2000) {
      await new Promise((next) => setTimeout(next, 20))
    }
    const killedAt = performance.now()
    gateway.child.kill('SIGKILL')
    await Promise.all(running)
    await gateway.ended

    const ledger = new DatabaseSync(join(folder.path, 'data/ledger.sqlite'))
    assert.equal(ledger.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
    const find = ledger.prepare("SELECT status FROM requests WHERE id = ? AND status = 'answered'")
    const missing = answered.filter(({ id }) => find.get(id) === undefined)
    assert.deepEqual(
      missing.filter(({ at }) => killedAt - at > 1000),
      [],
    )
    ledger.close()

    const again = await spawnGateway({ folder: folder.path })
    const stats = (await (await fetch(`${again.url}/api/v1/stats`)).json()) as { total_requests: number }
    assert.ok(stats.total_requests >= answered.length - missing.length)
    const reopened = new DatabaseSync(join(folder.path, 'data/ledger.sqlite'), { readOnly: true })
    assert.equal(reopened.prepare("SELECT count(*) AS n FROM requests WHERE status = 'open'").get()?.n, 0)
    reopened.close()
    again.child.kill('SIGTERM')
    assert.equal(await again.ended, 0)
    folder.remove()
  })
})

test('kill -9 in the middle of a long stream: what was used until then is in its row', async () => {
  const folder = temporaryFolder()
  const yaml = echoOnly
    .replace('id: parrot}', 'id: parrot, price: {input: 1000, output: 1000}}')
    .replace('delay_ms: 20', 'delay_ms: 50')
  const gateway = await spawnGateway({ folder: folder.path, yaml })
  const stream = openStream(gateway.url, 'word '.repeat(500))
  await stream.begun
  const read = () => {
    const ledger = new DatabaseSync(join(folder.path, 'data/ledger.sqlite'), { readOnly: true })
    const row = ledger.prepare('SELECT * FROM requests').get()
    ledger.close()
    return row
  }
  while (Number(read()?.output_tokens ?? 0) < 20) await new Promise((next) => setTimeout(next, 50))
  gateway.child.kill('SIGKILL')
  await Promise.allSettled([stream.text, gateway.ended])

  const again = await spawnGateway({ folder: folder.path, yaml })
  const row = read()
  assert.deepEqual([row?.status, row?.model, row?.estimated], ['interrupted', 'parrot', 1])
  assert.ok(Number(row?.output_tokens) >= 20 && Number(row?.cost_nanodollars) >= 20_000_000)
  again.child.kill('SIGTERM')
  await again.ended
  folder.remove()
})

describe('SIGTERM with streams open', () => {
  const words = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ')

  test('every stream ends complete, new requests are refused, nothing is lost', async () => {
    const folder = temporaryFolder()
    const gateway = await spawnGateway({ folder: folder.path })
    const streams = Array.from({ length: 15 }, (_, index) => openStream(gateway.url, `${words} ${index}`))
    await Promise.all(streams.map(({ begun }) => begun))
    gateway.child.kill('SIGTERM')

    const texts = await Promise.all(streams.map(({ text }) => text))
    for (const text of texts) assert.match(text, /event: done\n.*"finish_reason":"stop"/)
    assert.equal(await gateway.ended, 0)
    assert.deepEqual(statuses(folder.path), { answered: 15 })
    folder.remove()
  })

  test('those that outlast the drain time end with an error of their own, and are in the ledger', async () => {
    const folder = temporaryFolder()
    const yaml = `${echoOnly}\nserver: {drain_seconds: 0.1}`.replace('delay_ms: 20', 'delay_ms: 500')
    const gateway = await spawnGateway({ folder: folder.path, yaml })
    const streams = Array.from({ length: 5 }, (_, index) => openStream(gateway.url, `${words} ${index}`))
    await Promise.all(streams.map(({ begun }) => begun))
    gateway.child.kill('SIGTERM')

    const texts = await Promise.all(streams.map(({ text }) => text))
    for (const text of texts) assert.match(text, /event: error\ndata: .*"code":"shutting_down"/)
    assert.equal(await gateway.ended, 0)
    assert.deepEqual(statuses(folder.path), { failed: 5 })
    folder.remove()
  })
})

describe('what is missing is said in one plain sentence', () => {
  test('a busy port', async () => {
    const folder = temporaryFolder()
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    const gateway = await spawnGateway({ folder: folder.path, environment: { GATEWAY_PORT: String(port) } })
    assert.equal(await gateway.ended, 1)
    assert.match(
      gateway.output(),
      new RegExp(`port ${port} is in use: stop the program that has it, or set GATEWAY_PORT`),
    )
    assert.doesNotMatch(gateway.output(), /at .*\.ts/)
    holder.close()
    folder.remove()
  })

  for (const host of ['0.0.0.0', '127.example.com']) {
    test(`a door that others can reach, and no key: ${host}`, async () => {
      const folder = temporaryFolder()
      const gateway = await spawnGateway({ folder: folder.path, environment: { GATEWAY_HOST: host } })
      assert.equal(await gateway.ended, 1)
      assert.match(gateway.output(), /others can reach, and there is no key: make one \(hybrid keys create\)/)
      folder.remove()
    })
  }

  test('the admin key is shown at the first start, and never again', async () => {
    const folder = temporaryFolder()
    const first = await spawnGateway({ folder: folder.path })
    const key = /Admin key, shown this once .*: (hyb_\w+)/.exec(first.output())?.[1] ?? ''
    const list = (url: string) => fetch(`${url}/admin/v1/keys`, { headers: { 'x-api-key': key } })
    assert.equal((await list(first.url)).status, 200)
    assert.equal((await fetch(`${first.url}/admin/v1/keys`)).status, 401)
    assert.equal((await ask(first.url, 'hello')).status, 200)
    first.child.kill('SIGTERM')
    await first.ended
    const second = await spawnGateway({ folder: folder.path })
    assert.doesNotMatch(second.output(), /hyb_/)
    assert.equal((await list(second.url)).status, 200)
    second.child.kill('SIGTERM')
    await second.ended
    folder.remove()
  })

  test('a data folder that cannot be written: it goes on without', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder.path, 'file'), '')
    const gateway = await spawnGateway({
      folder: folder.path,
      environment: { HYBRID_DATA_DIR: join(folder.path, 'file/data') },
    })
    assert.match(gateway.output(), /the ledger .* cannot be written \(ENOTDIR.*set HYBRID_DATA_DIR/)
    const reply = await ask(gateway.url, 'hello')
    assert.equal(reply.status, 200)
    const stats = (await (await fetch(`${gateway.url}/api/v1/stats`)).json()) as { total_requests: number }
    assert.equal(stats.total_requests, 1)
    gateway.child.kill('SIGTERM')
    assert.equal(await gateway.ended, 0)
    folder.remove()
  })

  test('a data folder that cannot be written, where the ledger is required: it does not start', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder.path, 'file'), '')
    const environment = { HYBRID_DATA_DIR: join(folder.path, 'file/data') }
    const gateway = await spawnGateway({
      folder: folder.path,
      environment,
      yaml: `${echoOnly}\nledger: {required: true}`,
    })
    assert.equal(await gateway.ended, 1)
    assert.match(gateway.output(), /cannot be written .* and ledger\.required is true/)
    folder.remove()
  })

  test('a damaged ledger: it is kept aside, and a new one begins', async () => {
    const folder = temporaryFolder()
    const data = join(folder.path, 'data')
    mkdirSync(data)
    writeFileSync(
      join(data, 'ledger.sqlite'),
      'this is no database, but long enough to look like a header of one'.repeat(100),
    )
    const gateway = await spawnGateway({ folder: folder.path })
    assert.equal((await ask(gateway.url, 'hello')).status, 200)
    gateway.child.kill('SIGTERM')
    assert.equal(await gateway.ended, 0)
    assert.match(gateway.output(), /is damaged .*: it was kept as/)
    assert.equal(readdirSync(data).filter((name) => name.includes('.damaged-')).length, 1)
    assert.deepEqual(statuses(folder.path), { answered: 1 })
    folder.remove()
  })

  test('a ledger of a newer version: it is not touched', async () => {
    const folder = temporaryFolder()
    const data = join(folder.path, 'data')
    const first = await spawnGateway({ folder: folder.path })
    first.child.kill('SIGTERM')
    await first.ended
    const ledger = new DatabaseSync(join(data, 'ledger.sqlite'))
    ledger.exec("INSERT INTO migrations VALUES (999, 'from the future')")
    ledger.close()
    const before = readFileSync(join(data, 'ledger.sqlite'))
    const gateway = await spawnGateway({ folder: folder.path })
    assert.equal(await gateway.ended, 1)
    assert.match(gateway.output(), /written by a newer version of this program/)
    assert.deepEqual(readFileSync(join(data, 'ledger.sqlite')), before)
    folder.remove()
  })
})

function ask(url: string, prompt: string, id?: string): Promise<Response> {
  return fetch(`${url}/api/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(id === undefined ? {} : { 'x-request-id': id }) },
    body: JSON.stringify({ prompt }),
  })
}

/** Asks one question after the other until the server is gone. */
async function askUntilItDies(url: string, answered: Answered[]): Promise<void> {
  for (;;) {
    const id = crypto.randomUUID()
    try {
      const reply = await ask(url, id, id)
      await reply.json()
      answered.push({ id, at: performance.now() })
    } catch {
      return
    }
  }
}

function openStream(url: string, prompt: string) {
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const read = async () => {
    const reply = await fetch(`${url}/api/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt, stream: true }),
    })
    resolve()
    return reply.text()
  }
  return { begun, text: read() }
}

function statuses(folder: string): Record<string, number> {
  const ledger = new DatabaseSync(join(folder, 'data/ledger.sqlite'), { readOnly: true })
  const rows = ledger.prepare('SELECT status, count(*) AS n FROM requests GROUP BY status').all()
  ledger.close()
  return Object.fromEntries(rows.map(({ status, n }) => [String(status), Number(n)]))
}
