import { useEffect, useState } from 'preact/hooks'
import { Desk, DeskContext } from './desk'
import { InboxPage } from './inbox'
import { Notices } from './notice'
import { clear } from './screen'
import { comeBack, identify, keys, signOut } from './session'
import { SignIn } from './sign-in'

export function App() {
  const { token, connector, grant } = keys.value
  const [isBack, setBack] = useState(false)
  useEffect(() => void comeBack().then(() => setBack(true)), [])
  return (
    <>
      {token ? (
        <SignedIn key={grant ? grant.issuer.issuer : token} token={token} connector={connector} />
      ) : (
        isBack && <SignIn />
      )}
      <Notices />
    </>
  )
}

function SignedIn({ token, connector }: { token: string; connector: string | null }) {
  const [desk, setDesk] = useState<Desk | null>(null)
  const [waiting, setWaiting] = useState('')
  useEffect(() => {
    let opened: Desk | undefined
    let left = false
    const open = async () => {
      try {
        const person = await identify(token)
        if (left) return
        opened = new Desk(person, connector)
        setDesk(opened)
      } catch (error) {
        if (left) return
        if ((error as { code?: string }).code !== 'NETWORK')
          return signOut((error as Error).message)
        setWaiting((error as Error).message)
        setTimeout(open, 1000)
      }
    }
    void open()
    return () => {
      left = true
      opened?.close()
      clear()
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
