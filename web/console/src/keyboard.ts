import { useEffect, useRef } from 'preact/hooks'
import { typeAhead } from './ahead'
import { dialog } from './screen'

export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>

/** Whether keys are text for what has the focus. */
function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}

/** Calls what belongs to a key, unless somebody types or a dialog is open. */
export function useKeys(keys: Keys) {
  const present = useRef(keys)
  present.current = keys
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (
        event.defaultPrevented ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        event.isComposing
      )
        return
      if (dialog.value !== null) return
      const act = present.current[event.key]
      const target = event.target as HTMLElement
      const isChoice = target instanceof HTMLInputElement && target.type === 'checkbox'
      if (!isTyping(target) && typeAhead(event)) return
      if (!act || (isTyping(target) && !isChoice)) return
      // Enter and space belong to a button or a link that has the focus.
      if (/^(Enter| )$/.test(event.key) && target.closest('button, a, summary, [role=option]'))
        return
      event.preventDefault()
      act(event)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
}
