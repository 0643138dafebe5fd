import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from './icon'
import { dialog } from './screen'

/** The dialog that is open. The browser keeps the focus in it, and gives it back afterwards. */
export function Modal({
  title,
  children,
  wide,
}: {
  title: string
  children: ComponentChildren
  wide?: boolean
}) {
  const element = useRef<HTMLDialogElement>(null)
  const pressed = useRef<EventTarget | null>(null) // text that is selected can end outside
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null
    element.current!.showModal()
    return () => before?.focus?.({ preventScroll: true })
  }, [])
  const close = () => (dialog.value = null)
  return (
    <dialog
      ref={element}
      class={wide ? 'wide' : ''}
      aria-labelledby="dialog-title"
      onClose={close}
      onPointerDown={(event) => (pressed.current = event.target)}
      onClick={({ target }) => target === element.current && pressed.current === target && close()}
    >
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="plain" aria-label="Close this dialog" onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      {children}
    </dialog>
  )
}
