import { createAnthropic } from '@ai-sdk/anthropic'
import { aiSdkDriver, aiSdkErrors, aiSdkRefusal } from './ai-sdk.ts'
import type { Client } from './driver.ts'
import { npmVersion } from './versions.ts'

export const aiSdkAnthropic: Client = {
  name: '`ai` with `@ai-sdk/anthropic`',
  version: `${npmVersion('ai')}, ${npmVersion('@ai-sdk/anthropic')}`,
  code: "createAnthropic({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: KEY })",
  errors: { ...aiSdkErrors, model: ['AI_APICallError', 404] },
  refusalOf: aiSdkRefusal,
  open(place) {
    const { url, key, headers, model } = place
    const provider = createAnthropic({ baseURL: `${url}/v1`, apiKey: key, headers: { ...headers } })
    return aiSdkDriver({ chat: provider(model) }, place)
  },
}
