/** What the clients of all dialects ask in the same words. */
export const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
export const imageUrl = `data:image/png;base64,${image}`
export const parameters = {
  type: 'object',
  properties: { location: { type: 'string', description: 'City' } },
  required: ['location'],
  additionalProperties: false,
}
export const tool = { name: 'get_weather', description: 'Get the current weather of a city.' }
export const schema = {
  type: 'object',
  properties: { age: { type: 'integer' }, available: { type: 'boolean' } },
  required: ['age', 'available'],
  additionalProperties: false,
}

export const system = 'You are a helpful assistant.'
export const question = 'What is the weather in Paris and in Bogotá?'
export const person = 'Ollama is 22 years old and is busy saving the world. Respond using JSON.'
export const picture = 'What is in this picture?'
export const paris = { id: 'call_abc123', location: '{"location":"Paris"}', result: '18 °C' }
export const bogota = { id: 'call_def456', location: '{"location":"Bogotá"}', result: '14 °C, rain' }
