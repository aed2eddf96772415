import { z } from 'zod'

const bounded = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`
  return z.number({ error }).min(least, error).max(most, error).nullish()
}
const stopError = 'must be a string or up to 4 of them'
const choicesError = 'must be a whole number from 1 to 128'

export const tokenLimit = z.int({ error: 'must be a whole number, at least 1' }).min(1, 'must be at least 1').nullish()

/** Which model, and in what form the reply shall come: of chat and legacy completions alike. */
export const deliveryFields = {
  model: z
    .string({ error: 'is missing: write a configured model, or auto' })
    .min(1, 'is empty: write a model, or auto')
    .meta({ examples: ['auto'] }),
  stream: z.boolean({ error: 'must be true or false' }).nullish(),
  stream_options: z
    .looseObject(
      { include_usage: z.boolean({ error: 'must be true or false' }).nullish() },
      { error: 'must be an object' },
    )
    .nullish(),
  n: z.int({ error: choicesError }).min(1, choicesError).max(128, choicesError).nullish(),
  user: z.string({ error: 'must be a string' }).nullish(),
}

/** How the model shall choose its words: of chat and legacy completions alike. */
export const samplingFields = {
  temperature: bounded(0, 2),
  top_p: bounded(0, 1),
  presence_penalty: bounded(-2, 2),
  frequency_penalty: bounded(-2, 2),
  stop: z.union([z.string(), z.array(z.string()).max(4, stopError)], { error: stopError }).nullish(),
  seed: z.int({ error: 'must be a whole number' }).nullish(),
}

/** The fields above in the gateway's words. */
export function readSampling(fields: z.infer<z.ZodObject<typeof samplingFields>>) {
  const { temperature, top_p, presence_penalty, frequency_penalty, stop, seed } = fields
  return {
    temperature,
    topP: top_p,
    presencePenalty: presence_penalty,
    frequencyPenalty: frequency_penalty,
    stop: typeof stop === 'string' ? [stop] : stop,
    seed,
  }
}

/** Headers by which a program tells OpenAI what it may use, and OpenRouter who it is. */
export const passedHeaders = ['openai-beta', 'http-referer', 'x-title']
