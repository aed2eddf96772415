import type { GatewayError } from '../core/errors.ts'

/** Ollama's error object, as the body of a reply or as a line of a stream. Clients find the model's name by its words. */
export function ollamaError({ code, message }: GatewayError): { readonly error: string } {
  const named = code === 'unknown_model' ? /^model '([^']*)' is not configured/.exec(message) : null
  if (named === null) return { error: message }
  return { error: `model '${named[1]}' not found${message.slice(named[0].length)}` }
}

/** By this status clients know that they could pull the model. */
export function ollamaStatus({ code, status }: GatewayError): number {
  return code === 'unknown_model' ? 404 : status
}
