import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { features, kinds, type Outcome } from './client.ts'
import { cellName, clientsPage } from './clients-page.ts'
import { type OpenGateway, openGateway } from './gateways.ts'
import { clients } from './index.ts'

const page = new URL('../../docs/clients.md', import.meta.url)
const seen = new Map<string, Outcome>()
let cells = 0

describe('clients', () => {
  for (const kind of kinds) {
    describe(`on ${kind}`, () => {
      let gateway: OpenGateway
      before(async () => {
        gateway = await openGateway(kind)
      })
      after(() => gateway.close())

      for (const client of clients) {
        for (const feature of features) {
          const run = client.run[feature]
          if (run === undefined) continue
          cells += 1
          test(`${client.name}: ${feature}`, { timeout: 60_000 }, async () => {
            const outcomes = new Set<Outcome>()
            for (const model of gateway.models) outcomes.add(await run(gateway.target(model)))
            const [outcome, ...others] = outcomes
            assert.deepEqual(others, [], 'the outcome depends on how the model is named')
            assert.ok(outcome)
            seen.set(cellName(kind, client, feature), outcome)
          })
        }
      }
    })
  }

  test('docs/clients.md tells it so', () => {
    assert.equal(seen.size, cells, 'cells have failed')
    const fresh = clientsPage(clients, seen)
    if (process.env.UPDATE_CLIENTS === '1') writeFileSync(page, fresh)
    assert.equal(readFileSync(page, 'utf8'), fresh, 'run this test with UPDATE_CLIENTS=1, and read what has changed')
  })
})
