import { request } from 'undici'
import { adminKey, type Lab } from './lab.ts'

export interface NewKey {
  readonly name: string
  readonly team?: string
  readonly limits?: {
    readonly requests_per_minute?: number
    readonly tokens_per_minute?: number
    readonly parallel?: number
  }
  readonly budgets?: readonly { readonly dollars: number; readonly period: 'day' | 'month' }[]
}

/** Makes a key through the admin API of one gateway, and waits until all of them know it. */
export async function createKey(lab: Lab, wanted: NewKey): Promise<{ readonly id: string; readonly key: string }> {
  const { statusCode, body } = await request(`${lab.url}/admin/v1/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ scopes: ['chat'], ...wanted }),
  })
  const text = await body.text()
  if (statusCode >= 300) throw new Error(`the key was not made: ${statusCode} ${text}`)
  const made = JSON.parse(text) as { id: string; key: string }
  for (const { url } of lab.gateways) {
    for (let tries = 0; tries < 100; tries++) {
      const { statusCode: status, body: reply } = await request(`${url}/api/v1/models`, {
        headers: { authorization: `Bearer ${made.key}` },
      })
      await reply.dump()
      if (status === 200) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return made
}
