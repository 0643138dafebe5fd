package command_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"switchboard/web/webtest"
)

// page is the playground in a browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

func (p page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		webtest.Screenshot(p.t, p.ctx, "failed-"+p.t.Name())
		p.t.Fatal(err)
	}
}

func (p page) openTab(title string) {
	p.t.Helper()
	p.do(chromedp.Click(`//button[contains(@class, "graphiql-tab-button") and text()="` + title + `"]`))
}

// execute presses the button that starts and stops an operation.
func (p page) execute() {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(`.graphiql-execute-button`), chromedp.NodeVisible))
}

// shows waits until an expression is true in the page.
func (p page) shows(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`Boolean(`+expression+`)`))
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			webtest.Screenshot(p.t, p.ctx, "failed-"+p.t.Name())
			p.t.Fatalf("%s did not become true in time (%v)", expression, err)
		}
	}
}

// answers waits until the result contains text.
func (p page) answers(text string) {
	p.t.Helper()
	p.shows(fmt.Sprintf(`document.querySelector('.result-window .CodeMirror').CodeMirror.getValue().includes(%q)`, text))
}

func TestPlaygroundOfARunningServer(t *testing.T) {
	s := start(t, "--data-dir", newDir(t))
	manager := s.as(s.Developers[0].Token)
	var inbox struct {
		Viewer struct{ ID string }
		Inbox  struct {
			Nodes []struct {
				ID       string
				Contact  struct{ Name string }
				Assignee *struct{ ID string }
			}
		}
		Agents struct{ Nodes []struct{ ID, Name string } }
	}
	manager.ask(&inbox, `{ viewer { id } inbox(view: ALL, first: 20) { nodes { id contact { name } assignee { id } } } agents { nodes { id name } } }`, nil)
	conversation := inbox.Inbox.Nodes[0]
	assignee := inbox.Agents.Nodes[0]
	if a := conversation.Assignee; a != nil && a.ID == assignee.ID {
		assignee = inbox.Agents.Nodes[1]
	}

	p := page{t, webtest.Browser(t)}
	p.do(chromedp.Navigate(s.Playground), chromedp.WaitVisible(`.graphiql-query-editor .CodeMirror`))
	p.execute()
	p.answers(conversation.Contact.Name)
	p.answers(`"asOf"`)
	webtest.Screenshot(t, p.ctx, "server-inbox")

	// The editors of all tabs know the schema and find nothing wrong.
	for _, title := range []string{"Agents", "Assign", "A customer writes", "Subscribe"} {
		p.openTab(title)
		p.shows(`document.querySelectorAll('.graphiql-query-editor .cm-keyword').length > 0`)
		p.shows(`document.querySelectorAll('.graphiql-query-editor .CodeMirror-lint-mark-error').length === 0`)
	}

	// The first press does something in every tab.
	p.openTab("Assign")
	p.execute()
	p.answers(`"__typename": "ConversationAssigned"`)
	webtest.Screenshot(t, p.ctx, "server-assign")
	p.openTab("A customer writes")
	p.execute()
	p.answers(`"__typename": "MessageReceived"`)
	webtest.Screenshot(t, p.ctx, "server-customer")

	p.openTab("Subscribe")
	p.execute()
	p.shows(`document.querySelector('.graphiql-execute-button').getAttribute('aria-label').startsWith('Stop')`)
	subscribed := func() bool {
		// The page does not show when the server has started the subscription, so assignments are
		// repeated until the first one appears.
		for _, agent := range []string{inbox.Viewer.ID, assignee.ID} {
			manager.assign(conversation.ID, agent)
		}
		seen, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()`))
		return err == nil && strings.Contains(seen, "ConversationAssigned")
	}
	eventually(t, patience, "an event in the page", subscribed)
	manager.assign(conversation.ID, inbox.Viewer.ID)
	manager.assign(conversation.ID, assignee.ID)
	p.answers(`"cursor": "` + manager.asOf() + `"`) // of the second assignment
	p.answers(`"name": "` + assignee.Name + `"`)
	p.answers(`"name": "` + conversation.Contact.Name + `"`)
	webtest.Screenshot(t, p.ctx, "server-event")
	p.execute()

	for _, address := range webtest.Requests(p.ctx) {
		if own := strings.TrimSuffix(s.GraphQL, "graphql"); !strings.HasPrefix(address, own) && address != s.WebSocket && !strings.HasPrefix(address, "data:") {
			t.Errorf("the page asked elsewhere: %s", address)
		}
	}
}
