import assert from 'node:assert/strict'
import { answerSchema, weather } from './driver.ts'

/** What the stand-ins' model says of the picture, and echo. */
export const imageSeen = 'image/png, 70 bytes'
/** `echo` calls the tool that a text tells it to call, and the stand-ins the first one that there is. */
export const weatherQuestion = `Please call ${weather.name} for Paris.`

/** The reply speaks of the question. */
export function assertHeard(text: string | null | undefined): void {
  assert.match(text ?? '', /France|Paris/)
}

/** A call of the tool, with arguments of its schema. */
export function assertWeatherCall(name: unknown, given: unknown): void {
  assert.equal(name, weather.name)
  const cities = weather.schema.properties.city.enum.map((city) => JSON.stringify({ city }))
  assert.ok(cities.includes(JSON.stringify(given)), JSON.stringify(given))
}

/** JSON of the schema that replies are held to. */
export function assertAnswer(text: string | null | undefined): void {
  const { city, capital, ...more } = JSON.parse(text ?? '')
  assert.ok(
    answerSchema.properties.city.enum.some((known) => known === city),
    `${city}`,
  )
  assert.equal(typeof capital, 'boolean')
  assert.deepEqual(more, {})
}
