import { useEffect, useState } from 'preact/hooks'
import { Desk, DeskContext } from './desk'
import { InboxPage } from './inbox'
import { Notices } from './notice'
import { clearNotices } from './notices'
import type { RequestError } from './request'
import { clear } from './screen'
import { comeBack, identify, keys, offer, signOut } from './session'
import { SignIn } from './sign-in'
import { Workspaces } from './workspaces'

export function App() {
  const { token, grant, choices, workspace } = keys.value
  const [isBack, setBack] = useState(false)
  useEffect(() => void comeBack().then(() => setBack(true)), [])
  return (
    <>
      {!token ? (
        isBack && <SignIn />
      ) : choices.length > 0 && !workspace ? (
        <Workspaces choices={choices} />
      ) : (
        <SignedIn key={`${grant ? grant.issuer.issuer : token} ${workspace}`} token={token} />
      )}
      <Notices />
    </>
  )
}

function SignedIn({ token }: { token: string }) {
  const [desk, setDesk] = useState<Desk | null>(null)
  const [waiting, setWaiting] = useState('')
  useEffect(() => {
    const { connector, workspace } = keys.value
    let opened: Desk | undefined
    let left = false
    const open = async () => {
      try {
        const person = await identify(token, workspace)
        if (left) return
        opened = new Desk(person, connector)
        setDesk(opened)
      } catch (error) {
        if (left) return
        const { code, message, workspaces } = error as RequestError
        if (workspaces?.length > 0) return offer(workspaces)
        if (code !== 'NETWORK') return signOut(message)
        setWaiting(message)
        setTimeout(open, 1000)
      }
    }
    void open()
    return () => {
      left = true
      opened?.close()
      clear()
      clearNotices()
    }
  }, [])
  if (!desk)
    return (
      <main class="opening" aria-busy="true">
        <p role="status">{waiting || 'Opening the inbox …'}</p>
      </main>
    )
  return (
    <DeskContext.Provider value={desk}>
      <InboxPage />
    </DeskContext.Provider>
  )
}
