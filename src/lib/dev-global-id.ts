/** The global id of the development chain, "CHRY": apart, so that who only names that chain does not load it. */
export const DEV_GLOBAL_ID = 0x43485259
