import type { WireOptions } from './wire.js'

/** Returns the name under which the tabs of one account share a socket and stored mutations. */
export const nameOf = ({ url, account, workspace }: WireOptions): string => ['switchboard', url, account, workspace].filter(Boolean).join(' ')
