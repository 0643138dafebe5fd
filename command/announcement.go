package command

import (
	"fmt"
	"net/url"
	"strings"
)

// announcement is what a server prints when it is ready: its addresses and development tokens.
type announcement struct {
	address    string
	console    bool
	playground bool
	developers []developer
}

func (a announcement) print(c *console) error {
	http, socket := "http://"+a.address, "ws://"+a.address
	value := map[string]any{"graphql": http + "/graphql", "websocket": socket + "/graphql"}
	var text strings.Builder
	text.WriteString("\nSwitchboard is ready.\n\n")
	if a.console {
		address := http + "/" + a.tokens()
		value["console"] = address
		if len(a.developers) > 0 {
			fmt.Fprintf(&text, "  Inbox, with the demo team; open it in two windows\n\n    %s\n\n", address)
		} else {
			fmt.Fprintf(&text, "  Inbox        %s\n", address)
		}
	}
	if a.playground {
		first := a.addPlaygrounds(http)
		value["playground"] = first
		fmt.Fprintf(&text, "  Playground   %s\n", first)
	}
	fmt.Fprintf(&text, "  GraphQL      %s/graphql\n  WebSocket    %s/graphql\n", http, socket)
	if len(a.developers) > 0 {
		value["developers"] = a.developers
		text.WriteString("\n  Development tokens (this machine only); send one as Authorization: Bearer <token>\n")
		for _, d := range a.developers {
			fmt.Fprintf(&text, "    %-10s %-20s %s\n", d.Role, d.Name, d.Token)
		}
	}
	text.WriteString("\nStop it with Ctrl-C.\n")
	return c.result(value, "%s", text.String())
}

// addPlaygrounds sets the playground address of each agent among the developers and returns the
// first, or the address without a token if there is no agent. Tokens of the agent and the
// connector are in the fragment of the address, which browsers never send to a server.
func (a announcement) addPlaygrounds(http string) (first string) {
	connector := ""
	for _, d := range a.developers {
		if d.Role == connectorRole {
			connector = "&connector=" + url.QueryEscape(d.Token)
		}
	}
	for i := range a.developers {
		d := &a.developers[i]
		if d.Role == connectorRole {
			continue
		}
		d.Playground = http + "/playground#token=" + url.QueryEscape(d.Token) + connector
		if first == "" {
			first = d.Playground
		}
	}
	if first == "" {
		return http + "/playground"
	}
	return first
}

// tokens returns the fragment with which the console lets a developer choose one of the demo team,
// and write as a customer.
func (a announcement) tokens() string {
	values := url.Values{}
	for _, d := range a.developers {
		if d.Role == connectorRole {
			values.Add("connector", d.Token)
		} else {
			values.Add("token", d.Token)
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "#" + values.Encode()
}
