import type { ModelCard } from '../core/model.ts'
import type { ClientRequest } from '../core/request.ts'
import { edited, withData } from '../translation/pass-through.ts'
import { fixedFields, leftOut, lowered, type Warning } from '../translation/sampling.ts'
import { isRecord, list, record } from '../upstream/errors.ts'
import type { ServerEvent } from '../upstream/sse.ts'
import { acceptedMessages } from './messages.ts'
import { openaiChat, openaiCompletions, openaiResponses, type Preset } from './presets.ts'

type Fields = Readonly<Record<string, unknown>>

export const nativePaths: Readonly<Record<string, string>> = {
  [openaiChat]: '/chat/completions',
  [openaiResponses]: '/responses',
  [openaiCompletions]: '/completions',
}

/** What was added to the client's request for the gateway's own sake, and is taken out of the reply again. */
export interface Additions {
  readonly usage: boolean
  readonly logprobs: boolean
}

export interface PassedBody {
  readonly bodyText: string
  readonly added: Additions
  readonly warnings: readonly Warning[]
}

interface PassedCall {
  readonly client: ClientRequest
  readonly dialect: string
  readonly stream: boolean
  readonly model: ModelCard
  readonly preset: Preset
}

/** The client's body for this model: with its name, and without what it is known to refuse. */
export function passedBody({ client, dialect, stream, model, preset }: PassedCall): PassedBody {
  const fields = record(JSON.parse(client.body))
  const warnings: Warning[] = []
  const edits: Record<string, unknown> = { model: model.id }

  const refused = refusedFields(model, preset).filter((field) => field in fields)
  for (const field of refused) edits[field] = undefined
  if (preset.seedField !== 'seed' && 'seed' in fields) {
    edits.seed = undefined
    edits[preset.seedField] = fields.seed
  }
  if (refused.length > 0) warnings.push(leftOut(model, refused))
  limit(fields, { dialect, model, preset, edits, warnings })

  const messages = dialect === openaiChat ? acceptedMessages(fields.messages, preset) : undefined
  if (messages !== undefined) edits.messages = messages

  const options = record(fields.stream_options)
  const usage = stream && dialect !== openaiResponses && preset.streamOptions && options.include_usage !== true
  if (usage) edits.stream_options = { ...options, include_usage: true }
  // Such servers report the usage unasked, so that nothing is lost.
  if (!preset.streamOptions && 'stream_options' in fields) edits.stream_options = undefined
  const judged = preset.logprobs === 'judged' && model.backend === 'local'
  const logprobs = judged && dialect === openaiChat && fields.logprobs !== true
  if (logprobs) edits.logprobs = true
  return { bodyText: edited(client.body, edits), added: { usage, logprobs }, warnings }
}

/** A field that is not OpenAI's own (`top_k`) was meant for the server: what it takes is between the two. */
function refusedFields(model: ModelCard, preset: Preset): readonly string[] {
  const own = preset.unsupported.filter((field) => field !== 'top_k')
  const logprobs = preset.logprobs === 'refused' ? ['logprobs', 'top_logprobs'] : []
  return [...new Set([...(model.fixedSampling ? fixedFields : []), ...own, ...logprobs])]
}

interface Limit {
  readonly dialect: string
  readonly model: ModelCard
  readonly preset: Preset
  readonly edits: Record<string, unknown>
  readonly warnings: Warning[]
}

/** Both names of the limit are the same thing to a client; most servers know one of them. */
function limit(fields: Fields, { dialect, model, preset, edits, warnings }: Limit): void {
  const chats = dialect === openaiChat
  const names = dialect === openaiResponses ? ['max_output_tokens'] : ['max_completion_tokens', 'max_tokens']
  const used = names.find((name) => typeof fields[name] === 'number')
  if (used === undefined) return
  const asked = Number(fields[used])
  const allowed = Math.min(asked, model.maxOutputTokens)
  if (allowed < asked) warnings.push(lowered(model, asked))
  const name = chats ? preset.maxTokensField : used
  if (name === used && allowed === asked) return
  for (const other of names) if (other in fields) edits[other] = undefined
  edits[name] = allowed
}

/** The frame for the client, without what it did not ask for; undefined where nothing is left of it. */
export function clientFrame(event: ServerEvent, chunk: Fields, { usage, logprobs }: Additions): string | undefined {
  if (usage && list(chunk.choices).length === 0 && isRecord(chunk.usage)) return undefined
  const counts = usage && chunk.usage === null
  const tells = logprobs && list(chunk.choices).some((choice) => isRecord(record(choice).logprobs))
  if (!counts && !tells) return event.frame
  return withData(event, withoutAdditions(event.data, chunk, { usage: counts, logprobs: tells }))
}

/** The same for a whole body. */
export function withoutAdditions(text: string, body: Fields, { usage, logprobs }: Additions): string {
  return edited(text, {
    ...(usage && { usage: undefined }),
    ...(logprobs && { choices: list(body.choices).map((choice) => ({ ...record(choice), logprobs: null })) }),
  })
}
