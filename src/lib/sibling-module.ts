/** The URL of a module beside `from` (an `import.meta.url`), `.ts` in a checkout and `.js` in the built package; for `new Worker` and child processes. */
export function siblingModule(from: string, name: string): URL {
  return new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from)
}
