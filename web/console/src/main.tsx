import { render } from 'preact'
import { App } from './app'
import './style/base.css'
import './style/sign-in.css'
import './style/inbox.css'
import './style/list.css'
import './style/conversation.css'
import './style/dialog.css'

render(<App />, document.body)
