package command

import (
	"fmt"
	"strings"
)

// announcement is what a server says about itself when it is ready.
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
		value["playground"] = http + "/playground" + a.fragment()
		fmt.Fprintf(&text, "  Playground   %s/playground%s\n", http, a.fragment())
	}
	fmt.Fprintf(&text, "  GraphQL      %s/graphql\n  WebSocket    %s/graphql\n", http, socket)
	if len(a.developers) > 0 {
		value["developers"] = a.developers
		text.WriteString("\n  Development tokens (this machine only); send one as Authorization: Bearer <token>\n")
		for _, d := range a.developers {
			fmt.Fprintf(&text, "    %-8s %-20s %s\n", d.Role, d.Name, d.Token)
		}
	}
	text.WriteString("\nStop it with Ctrl-C.\n")
	return c.result(value, "%s", text.String())
}

// fragment hands the first token to the playground; a fragment is never sent to a server.
func (a announcement) fragment() string {
	if len(a.developers) == 0 {
		return ""
	}
	return "#token=" + a.developers[0].Token
}
