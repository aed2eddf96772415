import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openTestGateway } from '../fixtures/gateway.ts'
import { type GoldenCase, goldenCases, type SetUp, setUps } from './cases.ts'
import { exchange, type Stage } from './exchange.ts'
import { type GoldenFile, parseGoldenFile, printGoldenFile, sectionNames } from './golden-file.ts'
import { startRecordedServer } from './recorded-server.ts'

const folder = import.meta.dirname
const updates = process.env.UPDATE_GOLDEN === '1'
const wayOut = 'run this test with UPDATE_GOLDEN=1, and read what changed'

test('there is a file for each case, and no other', () => {
  const due = goldenCases.map(({ file }) => file)
  assert.ok(due.length > 0)
  if (updates) return
  const there = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.txt'))
  assert.deepEqual(there.map((name) => name.replaceAll('\\', '/')).sort(), [...due].sort(), wayOut)
})

for (const setUp of setUps) {
  describe(`with ${setUp.name} upstream`, () => {
    let stage: Stage | undefined
    before(async () => {
      stage = await open(setUp)
    })
    after(async () => {
      await stage?.gateway.close()
      await stage?.server.close()
    })

    for (const golden of goldenCases.filter((one) => one.setUp === setUp)) {
      test(golden.file, async () => {
        const given = updates ? tableOf(golden) : fileOf(golden)
        const { sections } = given
        const { upstreamRequest, clientReply } = await exchange(
          { clientRequest: sections['client request'] ?? '', upstreamReply: sections['upstream reply'] ?? '' },
          stage ?? assert.fail('the gateway is not there'),
        )
        const now = { 'upstream request': upstreamRequest, 'client reply': clientReply }
        if (updates) {
          const path = join(folder, golden.file)
          mkdirSync(dirname(path), { recursive: true })
          writeFileSync(path, printGoldenFile({ ...given, sections: { ...sections, ...now } }))
        } else {
          assert.equal(upstreamRequest, sections['upstream request'], `the upstream request; ${wayOut}`)
          assert.equal(clientReply, sections['client reply'], `the client reply; ${wayOut}`)
        }
      })
    }
  })
}

async function open({ asides, config }: SetUp): Promise<Stage> {
  const server = await startRecordedServer(asides)
  try {
    const gateway = await openTestGateway({
      config: { ...config(server.url), cache: { enabled: false } },
      environment: { GOLDEN_KEY: 'key-of-the-golden-files' },
    })
    return { server, gateway, url: await gateway.listen() }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The given sections of the table. */
function tableOf({ source, clientRequest, upstreamReply }: GoldenCase): GoldenFile {
  return { source, sections: { 'client request': clientRequest, 'upstream reply': upstreamReply } }
}

/** The file, which must be complete and in agreement with the table. */
function fileOf(golden: GoldenCase): GoldenFile {
  const path = join(folder, golden.file)
  assert.ok(existsSync(path), `${golden.file} is missing; ${wayOut}`)
  const file = parseGoldenFile(readFileSync(path, 'utf8'))
  for (const name of sectionNames) assert.ok(file.sections[name], `the section "${name}" is missing; ${wayOut}`)
  const table = tableOf(golden)
  assert.equal(file.source, table.source, wayOut)
  for (const [name, text] of Object.entries(table.sections)) {
    assert.equal(Reflect.get(file.sections, name), text, `the table has another ${name}; ${wayOut}`)
  }
  return file
}
