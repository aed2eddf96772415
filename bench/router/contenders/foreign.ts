import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Contender } from '../contender.ts'

/**
 * A router that is not ours. A file exports `contender` (see contender.ts). A URL gets, for each prompt, a POST of
 * `{"prompt", "small", "strong"}` and answers `{"wish": number}`: the higher, the rather the strong model.
 */
export async function foreignContender(name: string): Promise<Contender> {
  if (!/^https?:\/\//.test(name)) {
    const module: { contender?: Contender } = await import(pathToFileURL(resolve(name)).href)
    if (module.contender === undefined) throw new Error(`${name} exports no 'contender': see bench/router/contender.ts`)
    return module.contender
  }
  return {
    name: new URL(name).host,
    learns: false,
    needsReply: false,
    prepare: ({ small, strong }) => ({
      async wish({ prompt }) {
        const response = await fetch(name, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ prompt, small, strong }),
        })
        const { wish } = (await response.json()) as { wish?: unknown }
        if (typeof wish !== 'number') throw new Error(`${name} answered ${response.status} without a number 'wish'`)
        return wish
      },
    }),
  }
}
