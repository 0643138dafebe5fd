package service

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"switchboard/db"
	"switchboard/feed"
)

// TestExplain: what clients are told of each kind of error. A database that cannot be
// asked is no fault of the server that it would have to look into.
func TestExplain(t *testing.T) {
	t.Parallel()
	for want, causes := range map[ErrorCode][]error{
		Unavailable: {
			&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "40P01"}, &pgconn.PgError{Code: "55P03"}, &pgconn.ConnectError{},
			io.ErrUnexpectedEOF, driver.ErrBadConn, context.DeadlineExceeded, errStartOver,
			&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		},
		Internal:      {errors.New("relation \"secrets\" does not exist"), &pgconn.PgError{Code: "42703", Message: "column hash"}},
		BadInput:      {&db.IDError{Message: "not an id"}},
		CursorInvalid: {db.ErrBadCursor},
		CursorExpired: {feed.ErrExpired},
		NotFound:      {notFound("contact")},
	} {
		for _, cause := range causes {
			if got := Explain(fmt.Errorf("somewhere: %w", cause)); got.Code != want {
				t.Errorf("%T %v is %s, not %s", cause, cause, got.Code, want)
			}
		}
	}
	if told := Explain(errors.New("password of postgres")).Message; told != "something went wrong on the server" {
		t.Errorf("an unknown error says %q", told)
	}
}
