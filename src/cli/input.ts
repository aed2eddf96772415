import { text } from 'node:stream/consumers'

/** All that is piped in; undefined at a terminal. */
export async function readStream(stream: NodeJS.ReadStream): Promise<string | undefined> {
  return stream.isTTY ? undefined : await text(stream)
}
