/** The program cannot start, for a reason outside of it. The message is one plain sentence with the way out. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
