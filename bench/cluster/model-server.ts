import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { startAnthropicStandIn } from '../../test/fixtures/stand-ins/anthropic.ts'
import { startOllamaStandIn } from '../../test/fixtures/stand-ins/ollama.ts'
import type { Failure } from '../../test/fixtures/stand-ins/script.ts'
import type { Bill, Weather } from './weather.ts'

/**
 * A model server in a process of its own, so that it can be stopped, paused and killed. It speaks its vendor's protocol;
 * `POST /weather` at its second port sets how it fails, `GET /bill` says what it has sold.
 */

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'anthropic' },
    port: { type: 'string', default: '0' },
    control: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
})

/** Of `message_start` and of Ollama's last line, as the stand-ins say them. */
const promptTokens = values.kind === 'anthropic' ? 12 : 11
let weather: Weather = { words: [5, 60], delayMs: 2 }
const bill = { calls: 0, failures: 0, promptTokens: 0, replyTokens: 0 }
let random = Number(values.seed)

const script = () => {
  const { words = [5, 60], delayMs = 0, failure, share = 1 } = weather
  const count = words[0] + Math.floor(chance() * (words[1] - words[0] + 1))
  const fails: Failure | undefined = failure !== undefined && chance() < share ? failure : undefined
  bill.calls++
  if (fails !== undefined) bill.failures++
  else {
    bill.promptTokens += promptTokens
    bill.replyTokens += count
  }
  return {
    text: Array.from({ length: count }, (_, index) => (index === 0 ? 'word' : ` word${index}`)).join(''),
    delayMs,
    splitBytes: [0],
    ...(fails !== undefined && { failure: fails }),
  }
}

const port = Number(values.port)
const server =
  values.kind === 'anthropic'
    ? await startAnthropicStandIn({ script, port, models: ['claude-test'] })
    : await startOllamaStandIn({ script, port, models: ['small:latest'] })

// Nobody looks into the requests, and there are many.
setInterval(() => {
  const forget = (list: readonly unknown[]) => (list as unknown[]).splice(0)
  forget(server.requests)
  forget(server.hangUps)
}, 1000).unref()

const control = createServer(async (request, response) => {
  if (request.url === '/weather') weather = (await json(request)) as Weather
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(bill satisfies Bill))
})
control.listen(Number(values.control), '127.0.0.1', () => process.stdout.write(`ready ${server.url}\n`))

/** Numerical Recipes' linear congruential generator: the same replies in every run. */
function chance(): number {
  random = (random * 1_664_525 + 1_013_904_223) % 4_294_967_296
  return random / 4_294_967_296
}
