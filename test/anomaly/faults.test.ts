import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { pageOf } from './faults-page.ts'
import { type Outcome, runFaults } from './faults-run.ts'
import { faults, reply, type Server, startServers, ways } from './faults-servers.ts'

const page = new URL('../../docs/faults.md', import.meta.url)

describe('a model server that fails', () => {
  let servers: readonly Server[]
  let outcomes: readonly Outcome[]
  before(async () => {
    servers = await startServers()
    outcomes = await runFaults(faults, servers)
  })
  after(() => Promise.all(servers.map(({ standIn }) => standIn.close())))

  const each = (check: (outcome: Outcome) => void) => {
    for (const outcome of outcomes) {
      const { fault, client, stream, server, seen } = outcome
      try {
        check(outcome)
      } catch (error) {
        const where = `${fault.name}: ${server.kind} for ${client.name}, ${stream ? 'stream' : 'whole'}`
        throw new Error(`${where}\n${JSON.stringify(seen)}\n${JSON.stringify(outcome.row)}`, { cause: error })
      }
    }
  }

  test('everything has been tried', () => {
    assert.equal(outcomes.length, faults.length * ways.length * servers.length)
    for (const { standIn } of servers) assert.ok(standIn.requests.length >= faults.length * ways.length)
  })

  test('no client is left without a word', () => {
    each(({ seen }) => {
      assert.notEqual(seen.ended, 'silent')
      if (seen.ended === 'complete') assert.equal(seen.pieces.join(''), reply)
      if (seen.ended === 'error') assert.match(seen.error, /^[a-z]/)
      assert.ok(reply.startsWith(seen.pieces.join('')))
      assert.equal(seen.complete && seen.error !== '', false)
    })
  })

  test('an error before content has its status, one after it is told within the stream', () => {
    each(({ fault, stream, seen, row }) => {
      if (seen.ended === 'complete') return assert.equal(row.status, 'answered')
      assert.equal(row.status, 'failed')
      if (fault.beforeContent || !stream) assert.ok(seen.status >= 400, String(seen.status))
      else assert.deepEqual([seen.status, seen.ended, seen.pieces.length > 0], [200, 'error', true])
    })
  })

  test('the ledger has one call, and charges what was used', () => {
    each(({ stream, seen, row }) => {
      assert.equal(row.attempts.length, 1)
      const [attempt] = row.attempts
      // A call that the time limit of the whole answer ends is one that the gateway cancelled.
      const stopped = attempt?.outcome === 'cancelled' && row.errorCode === 'upstream_timeout'
      assert.deepEqual(
        [attempt?.outcome, attempt?.error ?? ''],
        stopped ? ['cancelled', ''] : [row.status, row.errorCode],
      )
      assert.equal(row.cost, attempt?.cost)
      if (stream) assert.equal(row.firstContentMs !== undefined, seen.pieces.length > 0)
      const tokens = row.usage.input + row.usage.output
      assert.equal((row.cost ?? 0) > 0, tokens > 0)
      if (seen.pieces.length > 0) assert.ok(row.usage.output > 0)
      if (seen.ended !== 'complete' && tokens > 0) assert.equal(row.estimated, true)
    })
  })

  test('a client of the same API gets the error in the words and with the status of its vendor', () => {
    let told = 0
    each(({ fault, client, server, seen, passedOn }) => {
      const failure = fault.failure(server)
      if (failure.kind !== 'status') return
      const same = client.name in server.paths
      assert.equal(passedOn, same)
      assert.equal(seen.retryAfter, failure.headers?.['retry-after'])
      if (!same) return
      assert.equal(seen.status, failure.status)
      told += 1
    })
    // Three statuses; four clients whose API a server speaks, streamed and whole.
    assert.equal(told, 3 * 4 * 2)
  })

  test('docs/faults.md tells it so', () => {
    const fresh = pageOf(outcomes)
    if (process.env.UPDATE_FAULTS === '1') writeFileSync(page, fresh)
    assert.equal(readFileSync(page, 'utf8'), fresh, 'run this test with UPDATE_FAULTS=1, and read what has changed')
  })
})
