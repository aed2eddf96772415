import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card } from '../../test/fixtures/stand-ins/calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { OpenProvider } from '../providers/provider.ts'
import { AvailabilityMonitor } from './availability.ts'
import { Health } from './health.ts'

const up: Availability = { available: true, reason: '' }
const down: Availability = { available: false, reason: 'gone' }

test('a model is unavailable until it was looked at, and changes are told once each', async () => {
  const { monitor, model, answers, changes } = openMonitor()
  assert.equal(monitor.of(model).available, false)
  await monitor.start()
  assert.equal(monitor.of(model).available, true)
  answers.state = down
  await monitor.checkNow()
  await monitor.checkNow()
  assert.deepEqual(monitor.of(model), down)
  answers.state = up
  await monitor.checkNow()
  assert.deepEqual(changes, ['gone', ''])
  monitor.stop()
})

test('a model that failed stays out for a while, though a check that does not call it sees no reason', async () => {
  const { monitor, model, clock } = openMonitor()
  await monitor.start()
  fail(monitor, model)
  await monitor.checkNow()
  assert.equal(monitor.of(model).reason, 'refused')
  clock.now += 10_001
  await monitor.checkNow()
  assert.equal(monitor.of(model).available, true)
  monitor.stop()
})

test('a provider that says it is back ends the pause', async () => {
  const { monitor, model } = openMonitor()
  await monitor.start()
  fail(monitor, model)
  await monitor.providerChanged('stand-in')
  assert.equal(monitor.of(model).available, true)
  monitor.stop()
})

test('a failed call takes the model out at once', async () => {
  const { monitor, model, answers } = openMonitor()
  await monitor.start()
  answers.state = down
  fail(monitor, model)
  assert.equal(monitor.of(model).reason, 'refused')
  monitor.stop()
})

test('what changed during a look is looked at again', async () => {
  const { monitor, model, answers } = openMonitor()
  await monitor.start()
  const gate = Promise.withResolvers<void>()
  answers.gate = gate.promise
  const running = monitor.checkNow()
  answers.state = down
  const changed = monitor.providerChanged('stand-in')
  gate.resolve()
  await Promise.all([running, changed])
  assert.deepEqual(monitor.of(model), down)
  monitor.stop()
})

test('one provider is never asked twice at the same time', async () => {
  const { monitor, answers } = openMonitor()
  await Promise.all([monitor.checkNow(), monitor.checkNow(), monitor.checkNow()])
  assert.equal(answers.asked, 1)
  monitor.stop()
})

/** A call has just shown that its server is gone. */
function fail(monitor: AvailabilityMonitor, model: ModelCard): void {
  monitor.health.enter(model, true)?.failed(new GatewayError('upstream_unreachable', 'refused'))
}

function openMonitor() {
  const model = { ...card(), provider: 'stand-in' }
  const answers: { state: Availability; asked: number; gate: Promise<void> } = {
    state: up,
    asked: 0,
    gate: Promise.resolve(),
  }
  const provider: OpenProvider = {
    async *send() {},
    async check(models) {
      answers.asked++
      const { state } = answers
      await answers.gate
      return new Map(models.map(({ name }) => [name, state]))
    },
    close: async () => {},
  }
  const changes: string[] = []
  const clock = { now: 0 }
  const monitor = new AvailabilityMonitor({
    models: [model],
    providers: new Map([['stand-in', provider]]),
    checkSeconds: 3600,
    health: new Health({ failures: 5, restMs: 1000, longestRestMs: 8000, now: () => clock.now }),
    changed: (_model, { reason }) => changes.push(reason),
  })
  return { monitor, model, answers, changes, clock }
}
