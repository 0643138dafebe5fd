package history

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"switchboard/db/text"
	"switchboard/service"
)

// Record is one conversation of the past: a line of JSON in the form
// {company, contact {externalId, name}, openedAt, closingNote, messages [{at, from, body}]}.
type Record struct {
	Line        int       `json:"-"`                   // in the file, from 1
	ExternalID  string    `json:"externalId,omitzero"` // of the conversation where it comes from; empty: none
	Company     string    `json:"company"`             // the name of the agent who answered
	Contact     Contact   `json:"contact"`             // whom it is with
	OpenedAt    time.Time `json:"openedAt"`            // not after the first message
	ClosingNote *string   `json:"closingNote"`         // nil: none
	Messages    []Message `json:"messages"`            // at least one, by time; the last one's is when it was closed

	key  []byte // names the record, so that a second import skips it
	sent []byte // its key if the channel is taken as it was given, as it once was
}

// Contact is the contact of a past conversation.
type Contact struct {
	ExternalID string `json:"externalId"` // on the channel
	Name       string `json:"name"`
}

// Message is a message of a past conversation.
type Message struct {
	At   time.Time `json:"at"`
	From string    `json:"from"` // FromContact or FromAgent
	Body string    `json:"body"`
}

// The authors of messages.
const (
	FromContact = "contact"
	FromAgent   = "agent"
)

// Problem is why a record is not imported.
type Problem struct {
	Line    int
	Message string
}

const maxLine = 4 << 20 // bytes

// Read reads conversations from JSON lines. It returns those that can be imported, ordered by
// openedAt, and the problem of each other line. Empty lines are skipped. The error is r's, or
// reports that the file has another form.
func Read(r io.Reader) (records []Record, bad []Problem, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	beginning, err := in.Peek(512)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return nil, nil, err
	}
	if err := checkReadable(beginning); err != nil {
		return nil, nil, err
	}
	err = nil
	for number := 1; err == nil; number++ {
		var line []byte
		var long bool
		line, long, err = readLine(in)
		if long {
			bad = append(bad, Problem{number, fmt.Sprintf("the line is longer than %d MiB", maxLine>>20)})
		}
		if len(line) == 0 {
			continue
		}
		record := Record{Line: number}
		if problem := record.read(line); problem != nil {
			bad = append(bad, Problem{number, problem.Error()})
			continue
		}
		records = append(records, record)
	}
	if err != io.EOF {
		return nil, nil, err
	}
	sortRecords(records)
	return records, bad, nil
}

// checkReadable refuses a file that is not JSON lines by its beginning, and says what to do.
func checkReadable(beginning []byte) error {
	line, _, _ := bytes.Cut(bytes.TrimSpace(bytes.TrimPrefix(beginning, []byte("\ufeff"))), []byte("\n"))
	switch {
	case bytes.HasPrefix(beginning, []byte("\x1f\x8b")), bytes.HasPrefix(beginning, []byte("PK\x03\x04")),
		bytes.HasPrefix(beginning, []byte("\x28\xb5\x2f\xfd")):
		return errors.New("the file is compressed: unpack it first")
	case bytes.HasPrefix(beginning, []byte("\xff\xfe")), bytes.HasPrefix(beginning, []byte("\xfe\xff")):
		return errors.New("the file is in UTF-16: convert it to UTF-8 first, such as with iconv -f UTF-16 -t UTF-8")
	case bytes.ContainsRune(beginning, 0):
		return errors.New("the file is not text: give one with a conversation as JSON on each line")
	case string(bytes.TrimSpace(line)) == "[":
		return errors.New("the file is one JSON list: write each conversation on a line of its own, such as with jq -c '.[]'")
	case string(bytes.TrimSpace(line)) == "{":
		return errors.New("the file has JSON over several lines: write each conversation on a line of its own, as jq -c . does it")
	}
	return nil
}

// readLine reads a line without the spaces around it. A line that is too long is read to its end
// and dropped.
func readLine(in *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			line, long = nil, true
		}
		if err != bufio.ErrBufferFull {
			if long {
				return nil, true, err
			}
			return bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff"))), false, err
		}
	}
}

func sortRecords(records []Record) {
	slices.SortStableFunc(records, func(a, b Record) int { return a.OpenedAt.Compare(b.OpenedAt) })
}

// read sets a record from its line: it drops spaces around names and a blank note, and sorts the
// messages by time.
func (r *Record) read(line []byte) error {
	if err := json.Unmarshal(line, r); err != nil {
		return explainJSON(err)
	}
	r.Company, r.Contact.Name = strings.TrimSpace(r.Company), strings.TrimSpace(r.Contact.Name)
	if r.ClosingNote != nil && strings.TrimSpace(*r.ClosingNote) == "" {
		r.ClosingNote = nil
	}
	// The database keeps microseconds.
	r.OpenedAt = r.OpenedAt.UTC().Truncate(time.Microsecond)
	for i := range r.Messages {
		r.Messages[i].At = r.Messages[i].At.UTC().Truncate(time.Microsecond)
	}
	slices.SortStableFunc(r.Messages, func(a, b Message) int { return a.At.Compare(b.At) })
	return r.check(time.Time{})
}

// check returns why a record cannot be imported; nil if it can. No time may be after now, unless
// now is zero.
func (r *Record) check(now time.Time) error {
	checks := []error{
		checkCompany(r.Company),
		checkIdentity(r.Contact.ExternalID),
		checkExternalID(r.ExternalID),
		checkGiven("contact.name", r.Contact.Name, service.MaxName),
		checkPast("openedAt", r.OpenedAt, now),
	}
	if r.ClosingNote != nil {
		checks = append(checks, service.CheckText("closingNote", *r.ClosingNote, 1, service.MaxBody))
	}
	if len(r.Messages) == 0 {
		checks = append(checks, errors.New("messages must have at least one message"))
	}
	before := r.OpenedAt
	for i, m := range r.Messages {
		field := fmt.Sprintf("messages[%d]", i)
		checks = append(checks, checkPast(field+".at", m.At, now), checkGiven(field+".body", m.Body, maxLength(m)))
		if m.From != FromContact && m.From != FromAgent {
			checks = append(checks, fmt.Errorf("%s.from must be %q or %q, not %q", field, FromContact, FromAgent, m.From))
		}
		if m.At.Before(before) {
			checks = append(checks, fmt.Errorf("%s.at, %s, is before openedAt or the message before it, %s",
				field, m.At.Format(time.RFC3339), before.Format(time.RFC3339)))
		}
		before = m.At
	}
	return cmp.Or(checks...)
}

// maxImported returns the maximal length of a message, in characters.
func maxLength(m Message) int {
	if m.From == FromContact {
		return service.MaxInbound
	}
	return service.MaxBody
}

// checkGiven is service.CheckText for a text that must not be left out.
func checkGiven(field, text string, most int) error {
	if text == "" {
		return errors.New(field + " is missing or empty")
	}
	return service.CheckText(field, text, 1, most)
}

func checkCompany(name string) error {
	if err := checkGiven("company", name, service.MaxName); err != nil {
		return err
	}
	_, err := service.CheckName("company", name)
	return err
}

func checkIdentity(id string) error {
	if err := checkGiven("contact.externalId", id, service.MaxName); err != nil {
		return err
	}
	return service.CheckExternalID("contact.externalId", id)
}

// checkExternalID refuses a conversation's id that is blank but not empty: it would stand for any
// number of conversations.
func checkExternalID(id string) error {
	if id != "" && text.Blank(id) {
		return errors.New("externalId is blank: give the id of the conversation, or leave externalId out")
	}
	return service.CheckText("externalId", id, 0, service.MaxName)
}

// checkPast refuses a time that is missing, before 1970, or after now.
func checkPast(field string, at, now time.Time) error {
	switch {
	case at.IsZero():
		return errors.New(field + " is missing")
	case at.Year() < 1970:
		return fmt.Errorf("%s, %s, is before 1970", field, at.Format(time.RFC3339))
	case !now.IsZero() && at.After(now):
		return fmt.Errorf("%s, %s, lies in the future", field, at.Format(time.RFC3339))
	}
	return nil
}

// explainJSON returns a JSON error in words for people who do not know the code.
func explainJSON(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic) && semantic.GoType != nil:
		field := fieldAt(semantic.JSONPointer)
		if semantic.GoType == reflect.TypeFor[time.Time]() {
			return errors.New(field + " must be a time such as 2020-04-01T17:31:32Z")
		}
		return fmt.Errorf("%s must be %s, not %s", field, typeName(semantic.GoType), kindName(semantic.JSONKind))
	case errors.As(err, &syntactic):
		return fmt.Errorf("this is not valid JSON, at byte %d of the line: %w", syntactic.ByteOffset+1, syntactic.Err)
	}
	return fmt.Errorf("this is not valid JSON: %w", err)
}

// fieldAt returns a JSON pointer in the notation messages[2].at.
func fieldAt(pointer jsontext.Pointer) string {
	field := ""
	for token := range pointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			field += "[" + token + "]"
		} else {
			field += "." + token
		}
	}
	return cmp.Or(strings.TrimPrefix(field, "."), "the line")
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	}
	return "a text"
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "true or false"
}
