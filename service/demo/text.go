package demo

import (
	"fmt"
	"strings"
)

// script is a conversation in the demo: its lines in order and the closing note.
type script struct {
	language string // "" for English, whose lines take salutations
	category string
	lines    []scriptLine
	closing  string
}

// scriptLine is one message; its text has alternatives, separated by " | ", and placeholders such
// as {name}.
type scriptLine struct {
	inbound bool
	text    string
}

// parseScripts reads scripts, English ones that begin with "= category" and others with "~ language
// category", then "< line of the contact", "> line of the agent" and ". closing note". Alternatives
// are separated by " | ".
func parseScripts(text string) (scripts []script) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		kind, rest := line[0], line[2:]
		if kind == '=' || kind == '~' {
			language, category := "", rest
			if kind == '~' {
				language, category, _ = strings.Cut(rest, " ")
			}
			scripts = append(scripts, script{language: language, category: category})
			continue
		}
		s := &scripts[len(scripts)-1]
		if kind == '.' {
			s.closing = rest
		} else {
			s.lines = append(s.lines, scriptLine{kind == '<', rest})
		}
	}
	return scripts
}

// variant returns one of the alternatives of a line.
func (d *demo) variant(text string) string { return pick(d, strings.Split(text, " | ")) }

// blanks returns the function that replaces the placeholders of a script for one contact.
func (d *demo) blanks(g *guest) func(string) string {
	first, _, _ := strings.Cut(g.Contact.Name, " ")
	return strings.NewReplacer(
		"{name}", first, "{product}", pick(d, products), "{garment}", pick(d, garments), "{city}", pick(d, cities), "{day}", pick(d, weekdays),
		"{order}", fmt.Sprintf("NW-%05d", 20_000+d.random.IntN(70_000)),
		"{amount}", fmt.Sprintf("€%d.%s", 19+d.random.IntN(380), pick(d, []string{"00", "50", "90", "95"})),
		"{ticket}", fmt.Sprint(1000+d.random.IntN(9000)),
	).Replace
}

var (
	products = []string{
		"Skarv 2 tent", "Fjell down jacket", "Tarn rain shell", "Moraine 45 backpack", "Kestrel trail shoes", "Ember camping stove",
		"Halden sleeping bag", "Polar headlamp", "Alder softshell", "Cairn trekking poles", "Lumi thermal flask", "Granite climbing harness",
		"Drift dry bag", "Pebble kids' jacket", "Vela hammock", "Ridgeline hiking boots", "Sund kayak vest", "Nimbus sleeping mat",
	}
	garments = []string{
		"Fjell down jacket", "Tarn rain shell", "Alder softshell", "Pebble kids' jacket", "Rune merino hoodie", "Strand wind vest",
	}
	cities = []string{
		"Hamburg", "Lyon", "Kraków", "Gothenburg", "Leipzig", "Manchester", "Bologna", "Brno", "Valencia", "Utrecht", "Graz",
		"Porto", "Aarhus", "Tampere", "Basel", "Ghent", "Freiburg", "Bristol", "Bergen", "Toulouse",
	}
	weekdays  = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	greetings = []string{"", "", "Hi! ", "Hello! ", "Hi there. ", "Good morning. ", "Hey! ", "Hello team. "}

	signatures = []string{"Best,\n{agent}", "Kind regards\n{agent}, Northwind Outdoor", "All the best\n{agent}", "Happy trails,\n{agent}"}
	nudges     = []string{
		"Is anybody there?", "Just checking whether you have seen this.", "Any news? I would like to sort this out today.",
		"Sorry to push, but I leave on Friday and need to know.", "You can also call me if that is easier.",
		"I forgot to say: I wrote from the address on the order.", "Hello?", "One more thing: a photo follows in a minute.",
	}
	notes = map[string][]string{ // by category
		"Order": {
			"Checked: not packed yet.", "Voucher limit is 20 € without asking.", "Payment provider confirms the double booking.",
			"Customer since 2019, orders for the whole family.", "Stock in the system is wrong by two, told the warehouse.",
		},
		"Delivery": {
			"Second time this month. Please be generous.", "Checked with the warehouse, the parcel left on time.",
			"The carrier has opened an investigation, answer due in two days.", "The depot says it goes out with the next truck.",
			"Address was wrong in the shop account, corrected it.", "Replacement reserved in aisle 14.",
		},
		"Return & refund": {
			"Refund approved by finance.", "Customer since 2019, never had a return before.", "This batch had the zip problem, see the list from quality.",
			"Waiting for a photo before we decide.", "Parcel found at the returns desk, label was torn off.",
		},
		"Account": {
			"Two accounts with the same name, merged them.", "Identity checked by order number and postcode.", "Called, no answer. Writing instead.",
		},
		"Product question": {
			"The workshop says the repair takes ten days.", "Asked the product team, see their page.", "Size chart on the site is out of date, reported it.",
		},
		"Other": {"Passed on to the shop.", "Nothing to do for us, just be nice."},
	}
	handOvers = []string{
		"Handing this over, I am off from tomorrow.", "You know this product better than I do. Could you take it?",
		"Needs somebody who can talk to the carrier.", "Passing this on: the refund needs your sign-off.",
	}
	insults = []string{
		"You are all thieves and I hope your shop burns down.", "Are you too stupid to read? Answer me, you clowns.",
		"I know where your warehouse is. You will regret this.", "Worst idiots I have ever dealt with. All of you.",
		"Send me money NOW or I will post lies about every one of you.", "Get lost, you useless bunch of crooks.",
		"WIN A NEW PHONE!!! Click to claim your prize before midnight!!!", "I will keep writing until one of you cries.",
	}
	warnings = []string{
		"I understand that you are upset. Please stay polite, or we will have to end this conversation here.",
		"We would like to help, but not in this tone. Please tell us calmly what you need.",
		"Threats are passed on to our legal team. Please stop.",
	}
)
