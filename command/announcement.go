package command

import (
	"fmt"
	"net/url"
	"strings"
)

// announcement is what a server prints when it is ready: its addresses and development tokens.
type announcement struct {
	address    string
	playground bool
	developers []developer
}

func (a announcement) print(c *console) error {
	http, socket := "http://"+a.address, "ws://"+a.address
	value := map[string]any{"graphql": http + "/graphql", "websocket": socket + "/graphql"}
	var text strings.Builder
	text.WriteString("\nSwitchboard is ready.\n\n")
	if a.playground {
		value["playground"] = a.addPlaygrounds(http)
		text.WriteString(a.playgrounds(value["playground"]))
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

// playgrounds returns the list of playground addresses as text.
func (a announcement) playgrounds(first any) string {
	if len(a.developers) == 0 {
		return fmt.Sprintf("  Playground   %s\n", first)
	}
	var text strings.Builder
	text.WriteString("  Playground, as one of the demo team; open two of these in two windows\n\n")
	for _, d := range a.developers {
		if d.Playground != "" {
			fmt.Fprintf(&text, "    %s, %s\n    %s\n\n", d.Name, d.Role, d.Playground)
		}
	}
	return text.String()
}
