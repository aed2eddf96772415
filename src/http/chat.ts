import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import { MessageBuilder } from '../core/message-builder.ts'
import type { Receipt } from '../core/receipt.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { AnswerHead, AnswerPart, WholeAnswer } from '../gateway/answer-part.ts'
import { answerHeaders, costHeader } from './answer-headers.ts'

export type AnswerFunction = (request: ChatRequest, signal: AbortSignal) => AsyncGenerator<AnswerPart>

export interface ChatOptions {
  readonly answer: AnswerFunction
  /** Aborts all requests that still run when the time for draining is over. */
  readonly stopping: AbortSignal
  readonly heartbeatMs: number
  /** After so long without an answer that is not streamed, its headers go out all the same; 0 never does that. */
  readonly earlyReplyMs: number
  /** Longest time for which a client may leave a stream unread. */
  readonly sendTimeoutMs: number
  /** Told what went wrong after a stream had begun; errors before that are thrown. */
  readonly report: (error: GatewayError, requestId: string) => void
}

/** Answers one chat request in the dialect of its client, whole or as a stream. */
export async function chat(
  chatRequest: ChatRequest,
  dialect: Dialect,
  options: ChatOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const controller = hangUpOf(request, reply, options.stopping)
  const parts = options.answer(chatRequest, controller.signal)
  if (chatRequest.stream) return stream(chatRequest, dialect, parts, controller, options, reply)

  const whole = collect(parts)
  if (options.earlyReplyMs > 0 && (await orLate(whole, options.earlyReplyMs)) === 'late') {
    return sendEarly(whole, { chatRequest, dialect, options, reply })
  }
  const { head, native, choices, receipt } = await whole
  reply.headers({ ...head.native, ...answerHeaders(head), ...costHeader(receipt) })
  if (native !== undefined) return reply.header('content-type', 'application/json').send(native)
  return reply.send(dialect.whole({ facts: head, choices, receipt }, chatRequest))
}

interface LateAnswer {
  readonly chatRequest: ChatRequest
  readonly dialect: Dialect
  readonly options: ChatOptions
  readonly reply: FastifyReply
}

/**
 * Many HTTP clients give up when no headers have come after five minutes, and a slow model may need longer. So the
 * headers go out before that, and white space, which JSON allows, keeps the connection in use until the answer is there.
 * One that fails by then destroys the socket: a broken connection is no answer, an error with status 200 would be one.
 */
function sendEarly(whole: Promise<WholeAnswer>, { chatRequest, dialect, options, reply }: LateAnswer): FastifyReply {
  async function* body(): AsyncGenerator<string> {
    try {
      for (;;) {
        const next = await orLate(whole, options.heartbeatMs)
        if (next !== 'late') {
          const { head, native, choices, receipt } = next
          yield native ?? JSON.stringify(dialect.whole({ facts: head, choices, receipt }, chatRequest))
          return
        }
        yield ' '
      }
    } catch (error) {
      options.report(toGatewayError(error), chatRequest.id)
      reply.raw.destroy()
    }
  }
  return reply.header('content-type', 'application/json; charset=utf-8').send(Readable.from(body()))
}

/**
 * A controller that aborts when the client is gone or the gateway stops. Throws `cancelled` for a client that is gone
 * already, as it may be while its body is unpacked: it closes no second time.
 */
export function hangUpOf(
  { raw: request }: FastifyRequest,
  { raw }: FastifyReply,
  stopping: AbortSignal,
): AbortController {
  if (raw.destroyed || (request.destroyed && !request.complete)) {
    throw new GatewayError('cancelled', 'the client hung up before its request could be looked at')
  }
  const controller = new AbortController()
  const stop = () =>
    controller.abort(new GatewayError('shutting_down', 'the gateway is stopping', { retryAfterSeconds: 5 }))
  if (stopping.aborted) stop()
  stopping.addEventListener('abort', stop, { once: true })
  raw.once('close', () => {
    stopping.removeEventListener('abort', stop)
    if (!raw.writableFinished) controller.abort()
  })
  return controller
}

async function collect(parts: AsyncIterable<AnswerPart>): Promise<WholeAnswer> {
  let head: AnswerHead | undefined
  const message = new MessageBuilder()
  const native: string[] = []
  const warnings: string[] = []
  for await (const part of parts) {
    switch (part.type) {
      case 'start':
        head = part.head
        break
      case 'native':
        native.push(part.text)
        break
      case 'warning':
        warnings.push(part.message)
        break
      case 'end': {
        if (head === undefined) break
        return {
          head: { ...head, ...lastWords(part.receipt), warnings: [...head.warnings, ...warnings] },
          choices: message.finish(part),
          native: head.native === undefined ? undefined : native.join(''),
          receipt: part.receipt,
        }
      }
      default:
        message.add(part)
    }
  }
  throw new Error('an answer ended without its end part')
}

/** What is known of a whole answer only at its end. */
function lastWords({ reasoning, degraded }: Receipt): Pick<AnswerHead, 'reasoning' | 'degraded'> {
  return { reasoning, degraded }
}

/**
 * Waits for the first content, so that an error still gets its status and the headers tell the model; when that takes
 * long, the stream begins with heartbeats, and everything else comes inside it.
 */
async function stream(
  chatRequest: ChatRequest,
  dialect: Dialect,
  parts: AsyncGenerator<AnswerPart>,
  controller: AbortController,
  { heartbeatMs, sendTimeoutMs, report }: ChatOptions,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const writer = dialect.frames(chatRequest)
  const first = parts.next()
  const early = await orLate(first, heartbeatMs)
  if (early !== 'late' && !early.done && early.value.type === 'start') {
    const { head } = early.value
    reply.headers({ ...head.native, ...answerHeaders(head) })
  }
  let passesThrough = false

  async function* frames(): AsyncGenerator<string> {
    try {
      let pending = first
      for (;;) {
        const next = await orLate(pending, heartbeatMs)
        if (next === 'late') {
          yield writer.heartbeat
          continue
        }
        if (next.done) return
        const text = write(next.value)
        // A client that does not read holds the model, and everybody who waits for the same answer.
        const cut = setTimeout(() => reply.raw.destroy(), sendTimeoutMs)
        if (text !== '') yield text
        clearTimeout(cut)
        pending = parts.next()
      }
    } catch (error) {
      const gatewayError = toGatewayError(error)
      report(gatewayError, chatRequest.id)
      yield (passesThrough ? gatewayError.frame : undefined) ?? writer.error(gatewayError, chatRequest.id)
    } finally {
      // Nobody reads any more: whatever still runs for this answer ends.
      controller.abort()
      await parts.return(undefined)
    }
  }

  function write(part: AnswerPart): string {
    switch (part.type) {
      case 'start':
        passesThrough = part.head.native !== undefined
        return passesThrough ? '' : writer.start(part.head)
      case 'native':
        return part.text
      case 'warning':
        return lateWarning(part.message, writer.contentType)
      case 'end':
        return passesThrough ? '' : writer.end(part)
      default:
        return passesThrough ? '' : writer.part(part)
    }
  }

  const body = Readable.from(frames())
  // Where the client leaves before the first frame is asked for, `frames` never runs, and neither does its `finally`.
  body.once('close', () => {
    controller.abort()
    parts.return(undefined).catch(() => {})
  })
  return reply
    .header('content-type', writer.contentType)
    .header('cache-control', 'no-cache')
    .header('x-accel-buffering', 'no')
    .send(body)
}

/** The headers are out: what could not be done is told in a comment, where streams have such. */
function lateWarning(message: string, contentType: string): string {
  return contentType.startsWith('text/event-stream') ? `: warning: ${message.replaceAll(/\s+/g, ' ')}\n\n` : ''
}

/** The value, or `late` when it takes longer; the promise goes on. */
async function orLate<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, milliseconds, 'late')
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
