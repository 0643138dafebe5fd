// Command switchboard is the backend of a shared team inbox: a GraphQL API with
// realtime subscriptions over PostgreSQL.
package main

import (
	"os"

	"switchboard/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
