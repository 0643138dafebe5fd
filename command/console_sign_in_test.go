package command_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"switchboard/web/webtest"
)

// TestConsoleSignIn: an agent of two workspaces signs in to the console at an identity provider, works
// in one of them, and then in the other. An answer that belongs to another sign-in is refused.
func TestConsoleSignIn(t *testing.T) {
	t.Parallel()
	dir, address := newDir(t), freePort(t)
	console := "http://" + address + "/"
	p := startProvider(t, "600", console)
	var acme, globex struct{ Workspace, Token string }
	succeed(t, &acme, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--data-dir", dir)
	succeed(t, &globex, "workspace", "create", "Globex", "--manager", "gus@globex.example", "--data-dir", dir)
	var agent, other struct{ Agent string }
	succeed(t, &agent, "agent", "create", "Ali Agent", "--workspace", acme.Workspace, "--email", "ali@acme.example", "--data-dir", dir)
	succeed(t, &other, "agent", "create", "Ali of Globex", "--workspace", globex.Workspace, "--email", "ali@acme.example", "--data-dir", dir)
	s := start(t, "--data-dir", dir, "--no-demo", "--addr", address,
		"--oidc", "issuer="+p.issuer+",audience=switchboard,console=console,workspace="+acme.Workspace+",workspace="+globex.Workspace)
	manager := s.as(acme.Token)
	conversation := manager.open("Ada Novak")
	s.as(globex.Token).open("Hugo Stone")

	d := openDesk(t, console, axeCore(t))
	webtest.Expect(d.ctx, "fonts.googleapis.com") // of the provider's pages, as is the next
	webtest.Expect(d.ctx, p.issuer+"/favicon.ico")
	webtest.Expect(d.ctx, "401 (Unauthorized)") // before the person has chosen a workspace
	d.text(".providers button", "Sign in with 127.0.0.1")
	d.looks("sign-in-provider")
	d.do(chromedp.Click(chromedp.CSS(".providers button")))
	d.shows(`document.querySelector('input[name=login]')`)
	d.do(chromedp.Navigate(console + "?code=stolen&state=foreign"))
	d.text("[role=alert]", "belongs to another sign-in")

	d.do(chromedp.Click(chromedp.CSS(".providers button")))
	d.shows(`document.querySelector('input[name=login]')`)
	d.do(chromedp.SendKeys(chromedp.CSS("input[name=login]"), "ali"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "any"),
		chromedp.Click(chromedp.CSS("button[type=submit]")))
	d.shows(`document.querySelector('input[name=prompt][value=consent]')`)
	d.do(chromedp.Click(chromedp.CSS("button[type=submit]")))
	d.shows(fmt.Sprintf(`location.href.startsWith(%q) && document.querySelector('#workspaces')`, console))
	d.text(".team", "Globex")
	d.looks("workspaces")
	d.click(".team button", "Acme")
	d.shows(`document.querySelector('.sidebar')`)
	d.text("body", "Ali Agent")
	if at := evaluated[string](d.ctx, `location.search + location.hash`); at != "" {
		t.Errorf("the address keeps %q", at)
	}
	d.do(chromedp.Click(chromedp.CSS(".views li:nth-child(3) a"))) // all
	d.text(".list", "Ada Novak")
	manager.assign(conversation, agent.Agent)
	d.text(".list", "Ali Agent")
	webtest.Screenshot(t, d.ctx, "console-signed-in-at-a-provider")

	d.click(".tools button", "Other workspace")
	d.click(".team button", "Globex")
	d.text(".workspace", "Globex")
	d.do(chromedp.Click(chromedp.CSS(".views li:nth-child(3) a")))
	d.text(".list", "Hugo Stone")
	d.shows(`!document.body.innerText.includes('Ada Novak')`)
	d.do(chromedp.Reload())
	d.text(".workspace", "Globex")
	d.text(".list", "Hugo Stone")
}
