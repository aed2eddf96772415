import { GatewayError } from '../core/errors.ts'

export interface Deadline {
  readonly signal: AbortSignal
  readonly clear: () => void
}

/** A signal that follows `parent` and also fires when the time for the whole answer is over. */
export function startDeadline(parent: AbortSignal, seconds: number): Deadline {
  const controller = new AbortController()
  const follow = () => controller.abort(parent.reason)
  if (parent.aborted) follow()
  else parent.addEventListener('abort', follow, { once: true })

  const timer = setTimeout(() => {
    const message = `the answer took longer than ${seconds} s (limits.answer_timeout_seconds)`
    controller.abort(new GatewayError('upstream_timeout', message))
  }, seconds * 1000)
  timer.unref()

  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      parent.removeEventListener('abort', follow)
    },
  }
}

/** Our own time limit is a failure of the call; a client that is gone, or our own stopping, is none. */
export function isTimeout(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'upstream_timeout'
}

/** Why the work was stopped, when it was stopped from our side; else the error itself. */
export function reasonOf(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return error
  return signal.reason instanceof GatewayError
    ? signal.reason
    : new GatewayError('cancelled', 'the client hung up before the answer was complete', { cause: error })
}
