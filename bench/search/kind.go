package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/db/text"
)

// A kind is one way to search, with the texts that are typed.
type kind struct {
	name   string
	texts  []string
	exists bool // there is something to find for each
}

// person is a contact with an open conversation.
type person struct{ name, email, phone string }

// typedTexts returns texts of each kind, taken from contacts who have an open conversation.
func typedTexts(ctx context.Context, d *dataset.Database) ([]kind, error) {
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, _ := conn.Query(ctx, `SELECT name, email, phone FROM contacts AS c WHERE workspace_id = $1 AND email IS NOT NULL AND phone IS NOT NULL
		AND EXISTS (SELECT FROM conversations WHERE workspace_id = $1 AND contact_id = c.id AND status = 'OPEN' AND NOT blocked)
		AND length(name) > 12 ORDER BY md5(id::text) LIMIT 200`, d.Companies[0].Key)
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p person, err error) { return p, row.Scan(&p.name, &p.email, &p.phone) })
	if err != nil {
		return nil, err
	}
	if len(people) == 0 {
		return nil, fmt.Errorf("%s has no contact to search for", d.Name)
	}
	r := rand.New(rand.NewPCG(1, 2))
	kinds := []kind{
		{name: "part of a name", exists: true}, {name: "part of an e-mail address", exists: true}, {name: "part of a phone number", exists: true},
		{name: "without accents", exists: true}, {name: "with a typo", exists: true}, {name: "two words", exists: true},
		{name: "two letters", exists: true}, {name: "common", exists: true}, {name: "hopeless"},
	}
	for i, p := range people {
		for k, typed := range p.texts(i, r) {
			kinds[k].texts = append(kinds[k].texts, typed)
		}
	}
	kinds[typos].texts, err = unknown(ctx, conn, d, kinds[typos].texts)
	return kinds, err
}

// typos is the index of the kind "with a typo".
const typos = 4

// unknown returns the texts that no contact contains. A typo that makes the name of another contact
// finds that contact and no others, and perhaps not in the view that is searched.
func unknown(ctx context.Context, conn *pgx.Conn, d *dataset.Database, texts []string) ([]string, error) {
	rows, _ := conn.Query(ctx, `SELECT typed FROM unnest($2::text[]) AS typed WHERE NOT EXISTS
		(SELECT FROM contacts WHERE workspace_id = $1 AND search_text LIKE '%' || typed || '%')`, d.Companies[0].Key, texts)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// texts returns what somebody types who looks for the person, in the order of the kinds.
func (p person) texts(i int, r *rand.Rand) []string {
	first, last, _ := strings.Cut(p.name, " ")
	folded := text.Fold(last)
	local, _, _ := strings.Cut(p.email, "@")
	_, local, _ = strings.Cut(local, ".")
	digits := strings.ReplaceAll(p.phone, " ", "")
	begin := r.IntN(max(1, len(folded)-5))
	return []string{
		folded[begin:min(len(folded), begin+5)],
		local,
		digits[len(digits)-7:],
		text.Fold(p.name),
		typo(folded, r),
		first + " " + last,
		text.Fold(first)[:2],
		[]string{"müller", "example", "anna", "smith", "mail"}[i%5],
		fmt.Sprintf("qx%dzzw", r.IntN(1000)),
	}
}

// typo replaces a letter in the middle by another.
func typo(word string, r *rand.Rand) string {
	at := 1 + r.IntN(max(1, len(word)-2))
	letter := byte('a' + r.IntN(26))
	if word[at] == letter {
		letter = 'a' + (letter-'a'+1)%26
	}
	return word[:at] + string(letter) + word[at+1:]
}

// script looks for the texts as Yoga does.
func script(c dataset.Loaded, texts []string) string {
	return fmt.Sprintf("\\set n random(1, %d)\n", len(texts)) + fmt.Sprintf(`SELECT id, name, email, phone, avatar_url FROM contacts
		WHERE workspace_id = %d AND search_text LIKE '%%' || ('{%s}'::text[])[:n] || '%%' ORDER BY coalesce(name_text, name COLLATE "C"), id LIMIT 20`,
		c.Key, strings.Join(texts, ",")) + ";\n"
}
