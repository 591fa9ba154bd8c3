/** A turn for everybody else: what is long is done in pieces, so that no request waits for the whole of it. */

const schedule: (action: () => void) => unknown = typeof setImmediate === 'function' ? setImmediate : action => setTimeout(action)

/** Resolves after what is due in the event loop now. */
export function turn(): Promise<void> {
  return new Promise(resolve => void schedule(() => resolve()))
}
