/** Versions of drivers and firmware, compared as numbers, field by field: `550.144.03` is above `550.90.07`. */

/** Whether driver `version` is `minimum` or newer. Fields are decimal; one that is missing is 0. */
export function driverAtLeast(version: string, minimum: string): boolean {
  return compare(fields(version, 10), fields(minimum, 10)) >= 0
}

/** Whether VBIOS `version` is `minimum` or newer. Fields are hexadecimal. */
export function vbiosAtLeast(version: string, minimum: string): boolean {
  return compare(fields(version, 16), fields(minimum, 16)) >= 0
}

function fields(version: string, radix: number): number[] {
  return version.split('.').map(field => Number.parseInt(field, radix))
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
