package command

import "switchboard/graph"

// schema prints the API's schema for client developers' tools, because production servers refuse
// introspection.
type schema struct{}

// Run prints the schema.
func (schema) Run(c *console) error {
	return c.result(map[string]any{"schema": graph.SDL()}, "%s", graph.SDL())
}
