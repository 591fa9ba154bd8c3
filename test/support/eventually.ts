/** Looks again until `look` gives a value, at most for `limitMs`. */
export async function eventually<T>(look: () => Promise<T | undefined>, limitMs = 20_000): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (Date.now() > deadline) throw new Error('it did not happen in time')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
