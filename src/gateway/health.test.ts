import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card } from '../../test/fixtures/stand-ins/calls.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import { Health } from './health.ts'

const model = card()
const open = () => {
  const clock = { now: 0 }
  const health = new Health({ failures: 3, restMs: 1000, longestRestMs: 4000, now: () => clock.now })
  const fail = (code: ErrorCode, retryAfterSeconds?: number) =>
    health
      .enter(model, true)
      ?.failed(new GatewayError(code, code, retryAfterSeconds === undefined ? {} : { retryAfterSeconds }))
  return { health, clock, fail }
}

test('after failures in a row a model rests, then one call tries it, then all do', () => {
  const { health, clock, fail } = open()
  fail('upstream_failed')
  fail('upstream_timeout')
  health.enter(model, false)?.succeeded()
  fail('upstream_failed')
  fail('upstream_cut')
  assert.equal(health.rests(model), '')
  fail('upstream_failed')
  assert.match(health.rests(model), /rests after failures/)
  assert.deepEqual([health.level(model), health.enter(model, false)], [2, undefined])
  clock.now += 1000
  const trial = health.enter(model, false)
  assert.deepEqual([health.level(model), health.enter(model, false)], [1, undefined])
  trial?.began()
  assert.deepEqual([health.level(model), health.enter(model, false) === undefined], [0, false])
})

test('a failed trial doubles the rest, up to a bound; one that came to nothing does not', () => {
  const { health, clock, fail } = open()
  for (let failures = 0; failures < 3; failures++) fail('upstream_failed')
  for (const rest of [1000, 2000, 4000, 4000]) {
    clock.now += rest - 1
    assert.equal(health.enter(model, false), undefined, String(rest))
    clock.now += 1
    health.enter(model, false)?.abandoned()
    health.enter(model, false)?.failed(new GatewayError('upstream_failed', 'again'))
  }
})

test('a server that says how long it wants to be left alone is', () => {
  const { health, clock, fail } = open()
  fail('upstream_rate_limited', 30)
  clock.now += 29_999
  assert.equal(health.level(model), 2)
  clock.now += 1
  assert.equal(health.level(model), 1)
  health.enter(model, false)?.succeeded()
  fail('upstream_overloaded')
  assert.equal(health.level(model), 0)
})

test('what is the request’s own fault says nothing about the model', () => {
  const { health, fail } = open()
  for (let failures = 0; failures < 9; failures++) fail('upstream_rejected')
  assert.equal(health.level(model), 0)
  fail('upstream_unreachable')
  assert.equal(health.level(model), 2)
  health.forget(model)
  assert.equal(health.level(model), 0)
})
