package command

import "switchboard/graph"

// schema prints the API's schema. Production servers answer no introspection, so this is
// where the tools of client developers get it from.
type schema struct{}

// Run prints the schema.
func (schema) Run(c *console) error {
	return c.result(map[string]any{"schema": graph.SDL()}, "%s", graph.SDL())
}
