import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card } from '../../test/fixtures/stand-ins/calls.ts'
import { type ErrorCode, GatewayError, type GatewayErrorOptions } from '../core/errors.ts'
import { Retries } from './retries.ts'

const open = (share = 0.2) => new Retries({ most: 2, share, longestPauseMs: 3000, random: () => 0.5 })
const cloud = { ...card(), backend: 'cloud' as const, provider: 'claude' }
const local = { ...card(), backend: 'local' as const, provider: 'ollama' }
const error = (code: ErrorCode, options: GatewayErrorOptions = {}) => new GatewayError(code, 'x', options)

const cases: readonly (readonly [string, GatewayError, typeof cloud | typeof local, number | undefined])[] = [
  ['never arrived', error('upstream_unreachable'), cloud, 100],
  ['refused as overloaded', error('upstream_overloaded', { refused: true }), cloud, 100],
  ['overloaded, within a stream', error('upstream_overloaded'), cloud, 100],
  ['limited, back soon', error('upstream_rate_limited', { retryAfterSeconds: 1 }), cloud, 1100],
  ['limited, back late', error('upstream_rate_limited', { retryAfterSeconds: 7 }), cloud, undefined],
  ['status 500', error('upstream_failed', { refused: true }), cloud, 100],
  ['closed without an answer: it may have been charged', error('upstream_failed'), cloud, undefined],
  ['closed without an answer, and costs nothing', error('upstream_failed'), local, 100],
  ['silent: it may have been charged', error('upstream_timeout'), cloud, undefined],
  ['cut', error('upstream_cut'), local, undefined],
  ['wrong', error('upstream_rejected'), cloud, undefined],
]
for (const [name, failure, model, pause] of cases) {
  test(`${name}: ${pause === undefined ? 'not made again' : `after ${pause} ms`}`, () => {
    assert.equal(open().pauseFor(failure, model, 0), pause)
  })
}

test('pauses grow, and end', () => {
  const retries = open()
  const failure = error('upstream_overloaded')
  assert.deepEqual(
    [0, 1, 2].map((tries) => retries.pauseFor(failure, cloud, tries)),
    [100, 200, undefined],
  )
})

test('an outage is made worse by a fifth at most', () => {
  const retries = open()
  let calls = 0
  for (let request = 0; request < 1000; request++) {
    calls++
    retries.saw(cloud)
    for (let tries = 0; retries.pauseFor(error('upstream_overloaded'), cloud, tries) !== undefined; tries++) calls++
  }
  assert.ok(calls <= 1.2 * 1000 + 10 && calls > 1150, String(calls))
  assert.equal(open(0).pauseFor(error('upstream_overloaded'), cloud, 0), undefined)
})
