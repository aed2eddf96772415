import assert from 'node:assert/strict'
import { test } from 'node:test'
import { never } from '../../test/fixtures/stand-ins/calls.ts'
import { type Entry, LocalQueue, type Place, type QueueOptions } from './queue.ts'

const open = (options: Partial<QueueOptions> = {}) => {
  const clock = { now: 0 }
  const queue = new LocalQueue({ name: 'server', parallel: 1, length: 100, now: () => clock.now, ...options })
  const order: string[] = []
  const enter = (name: string, more: Partial<Entry> = {}) =>
    queue.enter({ caller: 'a', model: 'm', tokens: 10, signal: never, ...more }).then((place) => {
      order.push(name)
      return place
    })
  /** Runs what waits, one after the other, each for a second. */
  const drain = async (places: readonly Promise<Place>[]) => {
    for (const _ of places) {
      const running = places.filter((each) => !done.has(each))
      const { each, place } = await Promise.race(running.map((one) => one.then((had) => ({ each: one, place: had }))))
      done.add(each)
      clock.now += 1000
      place.leave(10)
      await new Promise(setImmediate)
    }
  }
  const done = new Set<Promise<Place>>()
  return { queue, clock, order, enter, drain }
}

test('as many as it can do run at once, and no more', async () => {
  const { queue, enter } = open({ parallel: 2 })
  const places = [await enter('1'), await enter('2')]
  const third = enter('3')
  assert.deepEqual([queue.running, queue.waiting], [2, 1])
  places[0]?.leave(10)
  places[0]?.leave(10)
  await third
  assert.deepEqual([queue.running, queue.waiting], [2, 0])
})

test('one who asks a hundred times does not keep another waiting', async () => {
  const { order, enter, drain } = open({ length: 200 })
  const places = Array.from({ length: 100 }, (_, index) => enter(`a${index}`))
  await places[0]
  places.push(enter('b0', { caller: 'b' }), enter('b1', { caller: 'b' }))
  await drain(places)
  assert.ok(order.indexOf('b0') <= 2 && order.indexOf('b1') <= 4, order.slice(0, 6).join())
  assert.equal(order.length, 102)
})

test('a model in memory goes first for a while: loading costs more than waiting', async () => {
  const { order, enter, drain } = open()
  const first = enter('A0', { model: 'A' })
  await first
  const rest = ['B', 'A', 'A', 'C', 'A', 'B', 'A', 'A', 'A'].map((model, index) =>
    enter(`${model}${index + 1}`, { model, caller: `${index}` }),
  )
  await drain([first, ...rest])
  const loads = order.map((name) => name[0]).filter((model, index, all) => model !== all[index - 1]).length
  assert.ok(loads <= 4, order.join())
  // Nobody is passed for ever.
  assert.ok(order.indexOf('B1') <= 5, order.join())
})

test('a wait is told from measured speed and loading time', async () => {
  const { queue, clock, enter } = open()
  const cold = await enter('cold', { model: 'big', tokens: 100 })
  clock.now += 8000
  cold.began()
  clock.now += 5000
  cold.leave(100)
  assert.equal(queue.estimate({ model: 'big' }), 0)
  const small = await enter('small', { model: 'small', tokens: 100 })
  small.began()
  clock.now += 2000
  small.leave(100)
  const running = await enter('running', { model: 'small', tokens: 100 })
  const waiting = enter('waiting', { model: 'small', tokens: 100 })
  // Half of the one that runs and all of the one that waits, at 20 ms a token; and 8 s to load the other model.
  assert.ok(Math.abs(queue.estimate({ model: 'small' }) - 3) < 1e-9)
  assert.ok(Math.abs(queue.estimate({ model: 'big' }) - 11) < 1e-9)
  running.leave(100)
  ;(await waiting).leave(100)
})

test('who will not wait so long goes elsewhere, and too many are refused with the time to come back', async () => {
  const { enter, clock } = open({ length: 1 })
  const first = await enter('1', { tokens: 1000 })
  await assert.rejects(enter('2', { leaves: (seconds) => (seconds > 5 ? 'the wait is long' : undefined) }), {
    code: 'model_busy',
    message: 'm is busy: the wait is long',
  })
  const second = enter('3')
  await assert.rejects(enter('4'), { code: 'model_busy', retryAfterSeconds: 11 })
  clock.now += 1
  first.leave(1)
  ;(await second).leave(1)
})

test('a queue that one has filled has room for another', async () => {
  const { queue, enter } = open({ length: 3 })
  const places = ['a1', 'a2', 'a3', 'a4'].map((name) => enter(name))
  const b = enter('b1', { caller: 'b' })
  await assert.rejects(places[3] as Promise<Place>, { code: 'model_busy' })
  await assert.rejects(enter('a5'), { code: 'model_busy' })
  assert.equal(queue.waiting, 3)
  ;(await (places[0] as Promise<Place>)).leave(1)
  ;(await b).leave(1)
})

test('who hangs up frees his place in the queue', async () => {
  const { queue, enter } = open()
  const first = await enter('1')
  const controller = new AbortController()
  const second = enter('2', { signal: controller.signal })
  const third = enter('3')
  controller.abort()
  await assert.rejects(second, { code: 'cancelled' })
  assert.equal(queue.waiting, 1)
  first.leave(0)
  await third
})
