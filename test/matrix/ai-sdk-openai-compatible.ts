import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { aiSdkDriver, aiSdkErrors, aiSdkRefusal } from './ai-sdk.ts'
import type { Client } from './driver.ts'
import { npmVersion } from './versions.ts'

export const aiSdkOpenaiCompatible: Client = {
  name: '`ai` with `@ai-sdk/openai-compatible`',
  version: `${npmVersion('ai')}, ${npmVersion('@ai-sdk/openai-compatible')}`,
  code: "createOpenAICompatible({ name: 'hybrid', baseURL: 'http://127.0.0.1:8080/v1', apiKey: KEY, supportsStructuredOutputs: true })",
  errors: aiSdkErrors,
  refusalOf: aiSdkRefusal,
  open(place) {
    const { url, key, headers, model } = place
    const provider = createOpenAICompatible({
      name: 'hybrid',
      baseURL: `${url}/v1`,
      apiKey: key,
      headers: { ...headers },
      supportsStructuredOutputs: true,
    })
    return aiSdkDriver({ chat: provider(model), vectors: provider.embeddingModel(model) }, place)
  },
}
