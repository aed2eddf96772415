import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CircuitBreaker } from './circuit-breaker.ts'

function open(failures = 2) {
  const clock = { now: 1000 }
  const told: string[] = []
  const breaker = new CircuitBreaker({
    failures,
    openMs: 100,
    longestMs: 300,
    changed: (state) => told.push(state),
    now: () => clock.now,
  })
  return { breaker, clock, told }
}

describe('a circuit breaker', () => {
  test('opens after so many failures one after the other, and not before', () => {
    const { breaker, told } = open()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert.equal(breaker.state, 'closed')
    breaker.failed()
    assert.equal(breaker.state, 'open')
    assert.equal(breaker.allows(), false)
    assert.deepEqual(told, ['open'])
  })

  test('lets one call try when its time is over, and closes when that one succeeds', () => {
    const { breaker, clock, told } = open(1)
    breaker.failed()
    clock.now += 100
    assert.equal(breaker.allows(), true)
    assert.equal(breaker.allows(), false)
    breaker.succeeded()
    assert.equal(breaker.state, 'closed')
    assert.deepEqual(told, ['open', 'closed'])
  })

  test('waits longer after each failed trial, up to a bound, and says that it opened once', () => {
    const { breaker, clock, told } = open(1)
    breaker.failed()
    for (const wait of [100, 200, 300, 300]) {
      assert.equal(breaker.opensInMs, wait)
      clock.now += wait - 1
      assert.equal(breaker.allows(), false)
      clock.now += 1
      assert.equal(breaker.allows(), true)
      breaker.failed()
    }
    assert.deepEqual(told, ['open'])
  })

  test('calls that were under way when it opened do not make it wait longer', () => {
    const { breaker } = open(1)
    breaker.failed()
    for (let late = 0; late < 5; late++) breaker.failed()
    assert.equal(breaker.opensInMs, 100)
  })

  test('a part that says how long it wants to be left alone is left alone for so long', () => {
    const { breaker, clock } = open(5)
    breaker.failed(2000)
    assert.equal(breaker.state, 'open')
    clock.now += 1999
    assert.equal(breaker.allows(), false)
    clock.now += 1
    assert.equal(breaker.allows(), true)
  })

  test('a trial that was given up is tried again by the next call', () => {
    const { breaker, clock } = open(1)
    breaker.failed()
    clock.now += 100
    assert.equal(breaker.allows(), true)
    breaker.abandoned()
    assert.equal(breaker.allows(), true)
  })
})
