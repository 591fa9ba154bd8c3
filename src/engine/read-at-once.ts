/** How many tokens of a text are read in one go: that a caller has gone away is noticed in between. */
export const readAtOnce = 64
