package harness

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A Connection is one HTTP/1.1 connection to a server, which is kept open. It does little more than
// to write and read bytes, so that the clients leave the processors to the servers.
type Connection struct {
	conn   net.Conn
	reader *bufio.Reader
	body   bytes.Buffer
	out    []byte
}

// patience is how long an answer may take.
const patience = 60 * time.Second

// Dial connects to a server.
func Dial(addr string) (*Connection, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Connection{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close closes the connection.
func (c *Connection) Close() { _ = c.conn.Close() }

// A Request is one GraphQL request over HTTP.
type Request struct {
	Token string // empty: none
	Body  []byte // JSON
}

// Do sends a request and returns the body of its answer, which is valid until the next call. An
// answer with another status than 200 is an error.
func (c *Connection) Do(r Request) ([]byte, error) {
	c.out = append(c.out[:0], "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(r.Body)), 10)
	if r.Token != "" {
		c.out = append(append(c.out, "\r\nAuthorization: Bearer "...), r.Token...)
	}
	c.out = append(append(c.out, "\r\n\r\n"...), r.Body...)
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	c.body.Reset()
	if _, err := io.Copy(&c.body, answer.Body); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s: %.500s", answer.Status, c.body.Bytes())
	}
	return c.body.Bytes(), nil
}

// Failed reports whether an answer holds errors or is no GraphQL answer.
func Failed(answer []byte) bool {
	return bytes.Contains(answer, []byte(`"errors":`)) || !bytes.Contains(answer, []byte(`"data":`))
}
