package dataset

import "fmt"

// Inbox are the companies in which pages, searches and counts are measured: a large one first, then
// one of 10,000 conversations, or less, and as many agents, to compare it with.
func Inbox(conversations int) []Company {
	return []Company{
		{Name: "Large", Conversations: conversations, Agents: 100},
		{Name: "Small", Conversations: min(conversations, 10_000), Agents: 100},
	}
}

// Companies are equal companies, in which mutations are measured.
func Companies(number, conversations int) (all []Company) {
	for i := range number {
		all = append(all, Company{Name: fmt.Sprintf("Company %d", i+1), Conversations: conversations, Agents: 70})
	}
	return all
}
