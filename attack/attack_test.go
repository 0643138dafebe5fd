// Package attack sends hostile input to a real server, a process that holds a workspace with data,
// and checks what becomes of it: the answer, its size, and how much processor time and memory the
// server spends on it.
//
// # How to add a row
//
// A row is one input with what is expected of it. Add it to the table of its kind
// (documents_test.go for GraphQL documents), or write another test that starts a server with start
// and passes rows to its attack method:
//
//	func TestHosts(t *testing.T) {
//		s := start(t)
//		s.attack([]row{{
//			name:   "9 a Host that is not ours",
//			send:   raw("POST /graphql HTTP/1.1\r\nHost: evil.example\r\n…"),
//			status: 403, code: "FORBIDDEN",
//		}})
//	}
//
// The name begins with the number of the finding in security.md if there is one. The senders in
// ways_test.go make requests of all kinds; raw sends bytes as they are. A row without own bounds
// has those of a refused document: 10 ms, 5 MiB, and a reply of 4 KiB. After each row the server is
// healthy, answers a normal query, has as many goroutines as before, and has written nothing
// secret.
package attack

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A row is one hostile input and what is expected of it.
type row struct {
	name string
	send sender

	status  int    // of the HTTP answer; 0: any
	code    string // of the first error in the answer; empty: any or none
	message string // a part of the answer
	close   int    // code with which the server closes the socket; 0: it does not

	cpu    time.Duration // most processor time of the server; 0: 10 ms
	reply  int           // most bytes of the answer; 0: 4 KiB
	memory int64         // most bytes that the server allocates; 0: 5 MiB
	once   bool          // send it only once, since it changes something
}

// A sender sends one input and returns the answer.
type sender func(s *server) reply

// A reply is what the server answered.
type reply struct {
	status int
	header http.Header
	body   string
	close  int // code with which a socket was closed; 0: it was not
}

var firstCode = regexp.MustCompile(`"code":"(\w+)"`)

// code returns the code of the first error; empty without one.
func (r reply) code() string {
	if found := firstCode.FindStringSubmatch(r.body); found != nil {
		return found[1]
	}
	return ""
}

// attack sends the input of each row and checks what became of it.
func (s *server) attack(rows []row) {
	s.t.Helper()
	for _, r := range rows {
		s.t.Run(r.name, func(t *testing.T) {
			before := s.usage(false)
			answer := r.send(s)
			r.checkAnswer(t, answer)
			if !r.once {
				r.checkCost(t, s)
			}
			s.checkHealth(t, before)
			s.checkSecrets(t, answer)
		})
	}
}

func (r row) checkAnswer(t *testing.T, a reply) {
	t.Helper()
	if r.status != 0 && a.status != r.status || r.code != "" && a.code() != r.code || a.close != r.close || !strings.Contains(a.body, r.message) {
		t.Errorf("want %d %s %q, closed with %d; got %d, closed with %d:\n%.1000s", r.status, r.code, r.message, r.close, a.status, a.close, a.body)
	}
	if most := cmp.Or(r.reply, 4<<10); len(a.body) > most {
		t.Errorf("the answer has %d bytes, which is more than %d:\n%.1000s", len(a.body), most, a.body)
	}
}

// Each cost is the least of several batches, since other programs disturb the measurement. They also
// take the caches of the processor, for which the limit of its time has slack.
const (
	batches = 3
	batch   = 3 // inputs
	slack   = 2
)

func (r row) checkCost(t *testing.T, s *server) {
	t.Helper()
	var cpu []time.Duration
	var memory []int64
	for range batches {
		before := s.usage(false)
		for range batch {
			r.send(s)
		}
		after := s.usage(false)
		cpu = append(cpu, (after.CPU-before.CPU)/batch)
		memory = append(memory, (after.Allocated-before.Allocated)/batch)
	}
	t.Logf("%v, %d KiB", slices.Min(cpu), slices.Min(memory)>>10)
	if most := slack * cmp.Or(r.cpu, 10*time.Millisecond); slices.Min(cpu) > most {
		t.Errorf("it takes %v of the processor, which is more than %v", cpu, most)
	}
	if most := cmp.Or(r.memory, 5<<20); slices.Min(memory) > most {
		t.Errorf("it takes %d bytes of memory, which is more than %d", memory, most)
	}
}

// checkHealth checks that the server works, and waits until it has as many goroutines as before.
func (s *server) checkHealth(t *testing.T, before usage) {
	t.Helper()
	if a := s.get(t, "/healthz"); a.status != http.StatusOK {
		t.Errorf("the server is not healthy: %d %s", a.status, a.body)
	}
	if a := post(`{ viewer { name } }`)(s); a.body != `{"data":{"viewer":{"name":"Ann"}}}` {
		t.Errorf("a normal query is answered %d %s", a.status, a.body)
	}
	const spare = 5 // such as of a connection to the database
	var now usage
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if now = s.usage(false); now.Goroutines <= before.Goroutines+spare {
			return
		}
	}
	t.Errorf("there were %d goroutines and now there are %d", before.Goroutines, now.Goroutines)
}

// secret is what neither answers nor the log may contain.
var secret = regexp.MustCompile(`sb_[a-z]+_\w{20}|postgres://|SQLSTATE|\bSELECT\b|\bINSERT INTO\b|\bUPDATE "|goroutine \d+|\.go:\d+|panic`)

func (s *server) checkSecrets(t *testing.T, answer reply) {
	t.Helper()
	log := s.log()
	texts := []string{answer.body, log[s.searched:]}
	s.searched = len(log)
	for name, values := range answer.header {
		texts = append(texts, fmt.Sprint(name, values))
	}
	for _, text := range texts {
		found := secret.FindString(text)
		for _, token := range []string{s.agent, s.manager, s.integration, s.reader} {
			if strings.Contains(text, token) {
				found = "a token"
			}
		}
		if found != "" {
			t.Errorf("%q was answered or logged:\n%.2000s", found, text)
		}
	}
}
