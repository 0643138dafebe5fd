// Command switchboard is the backend of a shared team inbox: a GraphQL API with
// realtime subscriptions over PostgreSQL.
package main

func main() {}
