package dataset

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"switchboard/db"
)

// Surnames is the number of different surnames in a company with enough contacts.
const Surnames = 200_000

var (
	beginnings = strings.Fields(`Al An Ar Bal Bar Bel Ber Bor Bran Bru Car Cha Cor Da Del Do Dra Du El En Fal Far Fe Fin Gal
		Gar Gor Gri Hal Ham Har Hol Is Ja Jor Kal Kar Ker Kol Lan Lau Lem Lin Mal Mar Mel Mor Nor Ol Or Pal Pet Pol Ra Rin Ros Sal
		San Schö Sol`)
	middles = strings.Fields(`ba be bi bo da de di do fa fe ga ge gi go ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe pi
		po ra re ri ro sa se si so ta te ti to va ve vi vo ü é á`)
	endings = strings.Fields(`nek berg berger dahl der din do dorf ette feld fin ford gaard gard hagen ham han horn ic ing ini
		ino ka kamp ke kin ko land lein ler lin lo man mann mar nen ner ni nova nsky ra ren rey ri rik ro sen ski son stein sten
		ström ta ter thal ton tti vic ville vist wald wood za`)
	firstNames = strings.Fields(`Anna Lukas Marie Felix Jürgen Käthe Moritz Gisela Jörg Björn Ute Emily Oliver Charlotte Harry
		Imogen Niamh Graham Poppy Owen Freya Chloé Mathieu Éloïse Rémi Agnès Théo Margaux Benoît Inès José Lucía Álvaro Martina
		Pilar Sergio Andrés Raúl Núria Joaquín Søren Astrid Mads Freja Kirsten Rasmus Øyvind Marit Håkon Signe Łukasz Paweł Ewa
		Zofia Tomasz Thảo Minh Hương Linh Mai Ayşe Mehmet Zeynep Kerem Barış Giulia Matteo Chiara Simone Elisa Jiří Tereza Eliška
		Petr Lenka Aarav Ananya Rohan Meera Divya Zara Yuki Haruto Sakura Hana Kenji João Mariana Tiago Rui Luísa Eero Aino Mikko
		Kaisa Göran`)
	common  = []string{"Müller", "Smith", "Nováková", "García", "Martin", "Nguyễn", "Rossi", "Jensen", "Kowalski", "Sharma"}
	domains = []string{"example.com", "example.org", "example.net", "mail.example", "post.example", "inbox.example"}
)

// surname returns one of the Surnames invented surnames.
func surname(i int) string {
	i %= Surnames
	b, rest := i%len(beginnings), i/len(beginnings)
	return beginnings[b] + middles[rest%len(middles)] + endings[rest/len(middles)%len(endings)]
}

// A customer is the data of the contact with a number: the same number is always the same person.
type customer struct {
	name, email, phone string
}

func newCustomer(n int, r *rand.Rand) customer {
	first, last := firstNames[r.IntN(len(firstNames))], surname(n*7919)
	if r.IntN(10) == 0 {
		last = common[r.IntN(len(common))]
	}
	local := strings.ToLower(first + "." + last)
	return customer{
		name:  first + " " + last,
		email: fmt.Sprintf("%s%d@%s", local, n, domains[n%len(domains)]),
		phone: fmt.Sprintf("+49 30 %08d", 10_000_000+n),
	}
}

// row returns the customer as a contact without a conversation.
func (c customer) row(r *rand.Rand) *db.Contact {
	contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: c.name, Version: 1}
	if r.IntN(10) > 0 {
		contact.Email = &c.email
	}
	if r.IntN(3) > 0 {
		contact.Phone = &c.phone
	}
	if r.IntN(4) == 0 {
		picture := fmt.Sprintf("https://pictures.example/%x.png", contact.ID.UUID[10:])
		contact.AvatarURL = &picture
	}
	return contact
}

var (
	subjects = strings.Split("the order,my invoice,the delivery,a refund,the return label,my account,the tent,the bike,the voucher,the size", ",")
	asks     = strings.Split("has not arrived yet,is wrong,does not work any more,was charged twice,came in the wrong colour,should go to another address,is missing a part,cannot be opened", ",")
	answers  = strings.Split("We have looked into it and will come back to you today.|A replacement is on its way to you.|The amount will be on your account within three days.|Could you send us a picture of it, please?|You will find a new label attached to this message.", "|")
	notes    = strings.Split("Refund sent, customer is happy|Replacement shipped with express|Label sent again|Address changed in the system|Voucher issued as a gesture of goodwill|Customer did not answer", "|")
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// question returns what a customer writes, with a number by which it can be found.
func question(r *rand.Rand) string {
	text := fmt.Sprintf("Hello, %s %d %s.", pick(r, subjects), 100_000+r.IntN(900_000), pick(r, asks))
	for r.IntN(3) == 0 {
		text += fmt.Sprintf(" And %s %s, too.", pick(r, subjects), pick(r, asks))
	}
	return text + " Thank you for your help!"
}

// answer returns what an agent writes.
func answer(r *rand.Rand) string { return "Thank you for your message. " + pick(r, answers) }

// closing returns a closing note; nil for most conversations.
func closing(r *rand.Rand) *db.ClosingNote {
	if r.IntN(3) > 0 {
		return nil
	}
	category := pick(r, []string{"Question", "Problem", "Feedback", "Other"})
	note := &db.ClosingNote{Category: &category}
	if r.IntN(2) == 0 {
		text := fmt.Sprintf("%s, order %d", pick(r, notes), 100_000+r.IntN(900_000))
		note.Text = &text
	}
	return note
}
