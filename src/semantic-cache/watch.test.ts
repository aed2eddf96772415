import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Watch } from './watch.ts'

test('one wrong hit among many is chance, several are not', () => {
  const watch = new Watch(0.02)
  for (let index = 0; index < 60; index++) assert.equal(watch.saw(false), false)
  assert.equal(watch.saw(true), false)
  assert.equal(watch.saw(true), false)
  assert.equal(watch.saw(true) || watch.saw(true), true)
  assert.deepEqual([watch.checked, watch.wrong], [watch.checked, watch.wrong])
  watch.forget()
  assert.equal(watch.checked, 0)
})

test('a cache that is wrong half of the time is found out soon', () => {
  const watch = new Watch(0.02)
  const alarms = [true, false, true, false].map((wrong) => watch.saw(wrong))
  assert.ok(alarms.includes(true), alarms.join())
})
