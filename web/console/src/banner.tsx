import type { Inbox } from '@switchboard/client'
import { useEffect, useState } from 'preact/hooks'
import { Icon } from './icon'

const patience = 800 // milliseconds in which a connection is usually there

/** What is amiss with the connection, if anything. The rows stay meanwhile. */
export function Banner({ inbox: { status, error } }: { inbox: Inbox }) {
  const [since, setSince] = useState<string | null>(null)
  useEffect(() => {
    const timer = setTimeout(() => setSince(status), patience)
    return () => clearTimeout(timer)
  }, [status])
  if (status === 'offline' && since === status) {
    return (
      <p class="strip offline" role="status">
        <Icon name="wifi-off" /> No connection. Replies and changes of single conversations are
        kept, and sent when the server is back.
      </p>
    )
  }
  if (status === 'catching-up' && since === status) {
    return (
      <p class="strip catching-up" role="status">
        <Icon name="refresh-cw" /> Catching up with what happened meanwhile …
      </p>
    )
  }
  return error ? (
    <p class="strip problem" role="alert">
      <Icon name="triangle-alert" /> {error.message}
    </p>
  ) : null
}
