import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Client, Feature, Outcome, Target } from './client.ts'
import { type Client as Driven, type Driver, type Place, question, type Refusal } from './driver.ts'
import { assertAnswer, assertHeard, assertWeatherCall, imageSeen, weatherQuestion } from './material.ts'

type Run = (target: Target) => Promise<Outcome>

/** The features of a client that is driven, asserted in one way for all of them. */
export function drivenClient({ name, version = '', code, errors, refusalOf, open }: Driven): Client {
  const driverFor = (target: Target, place: Partial<Place> = {}): Driver => open({ ...placeOf(target), ...place })

  async function refusal(work: Promise<unknown>): Promise<Refusal> {
    const error = await work.then(
      (value) => assert.fail(`it was not refused: ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    )
    const found = refusalOf(error)
    assert.ok(found !== undefined, String(error instanceof Error ? error.stack : error))
    return found
  }

  /** The client's own error, with the status and the words that tell what the model cannot do. */
  async function refused(work: Promise<unknown>, says: RegExp): Promise<Outcome> {
    const { status, message } = await refusal(work)
    assert.equal(status, 400, message)
    assert.match(message, says)
    return 'refused'
  }

  async function embeddings(target: Target): Promise<Outcome> {
    const work = driverFor(target).embeddings?.(['one text', 'another text', 'one text'])
    assert.ok(work !== undefined)
    if (!target.embeds) return await refused(work, /embedding/i)
    const [first = [], second, third, ...more] = await work
    assert.ok(first.length > 1 && first.every((value) => typeof value === 'number'))
    assert.deepEqual([third, second?.length, more], [first, first.length, []])
    assert.notDeepEqual(second, first)
    return 'yes'
  }

  const run: Partial<Record<Feature, Run>> = {
    async plain(target) {
      assertHeard(await driverFor(target).plain(question))
      return 'yes'
    },
    async stream(target) {
      const pieces = await driverFor(target).stream(question)
      assert.ok(pieces.length > 1, `it came in one piece: ${pieces.join('|')}`)
      assertHeard(pieces.join(''))
      return 'yes'
    },
    async tools(target) {
      const calls = await driverFor(target).tools(weatherQuestion)
      assert.equal(calls.length, 1)
      for (const call of calls) assertWeatherCall(call.name, call.arguments)
      return 'yes'
    },
    async 'tool loop'(target) {
      const { calls, text } = await driverFor(target).toolLoop(weatherQuestion)
      assert.ok(calls.length > 0, `no call, but: ${text}`)
      for (const call of calls) assertWeatherCall(call.name, call.arguments)
      // What a very small model makes of the result is its own affair.
      assert.match(text, target.kind === 'llama-cpp' ? /\w/ : /sunny/)
      return 'yes'
    },
    async 'JSON schema'(target) {
      assertAnswer(JSON.stringify(await driverFor(target).jsonSchema(question)))
      return 'yes'
    },
    async image(target) {
      const work = driverFor(target).image('What is this?')
      if (!target.seesImages) return await refused(work, /image/i)
      const text = await work
      assert.ok(text.includes(imageSeen), text)
      return 'yes'
    },
    ...(open(nowhere).embeddings !== undefined && { embeddings }),
    /** An unknown model, a field that is out of its range, a wrong key. */
    async error(target) {
      const unknown = await refusal(driverFor(target, { model: 'nobody' }).plain(question))
      const wrong = await refusal(driverFor(target).badField(question))
      const stranger = await refusal(driverFor(target, { key: `${target.key}-wrong` }).plain(question))
      assert.deepEqual(
        [unknown, wrong, stranger].map(({ error, status }) => [error, status]),
        [errors.model, errors.field, errors.key],
      )
      assert.match(unknown.message, /nobody/)
      assert.match(wrong.message, /top_p|temperature/)
      assert.match(stranger.message, /key/)
      return 'yes'
    },
    /** In the middle of a stream, and while a call that is not streamed waits for its answer. */
    async cancel(target) {
      const slow = (requestId: string) =>
        driverFor(target, { model: target.slowModel, headers: { 'x-request-id': requestId }, maxTokens: 3000 })
      const streamed = randomUUID()
      // Some clients end a stream that they aborted in peace, others by throwing.
      await Promise.allSettled([slow(streamed).abortStream(target.longPrompt)])
      await target.cancelled(streamed)

      const whole = randomUUID()
      const stop = new AbortController()
      const ended = Promise.allSettled([slow(whole).abortWhole(target.longPrompt, stop.signal)])
      await target.working(whole)
      stop.abort()
      await ended
      await target.cancelled(whole)
      return 'yes'
    },
  }
  return { name, version, code, run }
}

const nowhere: Place = { url: 'http://127.0.0.1', key: 'k', model: 'm', headers: {}, maxTokens: 1, firstChoice: 'auto' }

function placeOf({ kind, address, key, model }: Target): Place {
  const firstChoice = kind === 'llama-cpp' ? 'required' : 'auto'
  return { url: address, key, model, headers: {}, maxTokens: 60, firstChoice }
}
